"""Venues: SimPy processes that own order books, move through the day's phases and take the messages of agents."""
