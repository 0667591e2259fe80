"""Random worlds: whole configurations drawn from a seed, run, and asked everything that must be true of any run.

draw.py       a seed to a world: universe, prices, limits, rates, times, profile, agents, and how it is run
agents.py     agents that do anything
questions.py  what is asked of a world that has run
one_world.py  run one and say what came of it
__main__.py   ``python -m tests.worlds --seed N`` repeats one; ``--count 2000 --resume`` runs more and keeps the totals
"""
