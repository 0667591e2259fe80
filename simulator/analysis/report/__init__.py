"""A report of a run: a few numbers a minute, gathered while rows pass, as one page of HTML that opens without a network.

sketch     the numbers, from rows in any pieces       rows      rows of files, of a database or of memory into a sketch
levels     the five books as one                      windows   some minutes by the second, with every print
agents     what each Python agent came to             payload   all of it as JSON for the page
page       the page: page.html, page.css, *.js        build     the report of a folder or a database
"""
