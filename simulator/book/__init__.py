"""Limit order books: pure, compiled, without clock, I/O or randomness."""
