"""Databento Binary Encoding, version 3."""
