"""Tables, one module a domain, and the database they live in.

Importing this package registers every table, which is what migrations and their check need.
"""

from models import accounts, freezes, funding, inbox, ledger, limits, passkeys, posts, rails, security, transfers, users

__all__ = [
    "accounts",
    "freezes",
    "funding",
    "inbox",
    "ledger",
    "limits",
    "passkeys",
    "posts",
    "rails",
    "security",
    "transfers",
    "users",
]
