"""The ways that money moves, one module each: the postings that a kind makes."""
