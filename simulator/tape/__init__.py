"""Rows: columns filled by compiled code, their digest, Arrow, and whoever takes them."""
