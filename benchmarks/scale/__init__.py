"""The ledger against one transaction for each tip. See `__main__`."""
