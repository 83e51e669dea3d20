"""Servers that answer the same, to measure Hatful against."""
