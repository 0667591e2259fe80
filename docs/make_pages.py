"""Runs the commands of docs/scenarios/*.md and the examples again, and puts today's rows where the pages and examples/outputs show some.

    python docs/make_pages.py [NAME ...]

A ``text`` block belongs to the command above it. Each of its lines is replaced by the line of the command's output that begins alike: with
the same first cell, and the same second if that is a word. What a page says in its own words is for a person to look at.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCKS = re.compile(r"```bash\n(?P<command>[^`]*)```\n(?:(?!```).)*```text\n(?P<shown>[^`]*)```", re.DOTALL)


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("names", nargs="*", help="pages and examples (default: all)")
    asked = reader.parse_args().names
    for page in sorted((ROOT / "docs" / "scenarios").glob("*.md")):
        if not asked or page.stem in asked:
            text = page.read_text()
            page.write_text(BLOCKS.sub(renewed, text))
    for example in sorted((ROOT / "examples").glob("*.py")):
        if not asked or example.stem in asked:
            (ROOT / "examples" / "outputs" / f"{example.stem}.txt").write_text(output_of([str(example)]))


def renewed(block: re.Match[str]) -> str:
    said: list[str] = []
    for command in block["command"].splitlines():
        words = shlex.split(command, comments=True)
        if words[:1] == ["python"]:
            said += output_of(words[1:]).splitlines()
    lines = []
    for line in block["shown"].splitlines():
        alike = next((other for other in said if label(other) == label(line)), None)
        if alike is None:
            sys.exit(f"nothing that {block['command']!r} says begins like {line!r}")
        said.remove(alike)
        lines.append(alike)
    start = block.start("shown") - block.start()
    whole = block.group()
    return whole[:start] + "\n".join(lines) + "\n" + whole[start + len(block["shown"]) :]


def label(line: str) -> tuple[str, ...]:
    cells = [cell.strip() for cell in re.split("[│┃]", line)[1:-1]]
    if not cells:
        return tuple(line.split()[:1])
    return tuple(cells[:1] + [cell for cell in cells[1:2] if re.match("[a-z]", cell)])


def output_of(words: list[str]) -> str:
    """What Python says to them, in a folder that is then removed."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        environment.pop("COLUMNS", None)
        done = subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{shlex.join(words)} ended with {done.returncode}: {done.stderr}")
        return done.stdout


if __name__ == "__main__":
    main()
