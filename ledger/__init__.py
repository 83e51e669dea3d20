"""The double-entry engine, and the one user of the ledger's tables. See README.md beside this file."""

from ledger.engine import Ledger
from ledger.orders import (
    AccountName,
    BusyError,
    Draw,
    IdempotencyConflictError,
    InsufficientFundsError,
    LedgerError,
    LimitExceededError,
    Line,
    Order,
    Receipt,
    RefusalError,
    Write,
)

__all__ = [
    "AccountName",
    "BusyError",
    "Draw",
    "IdempotencyConflictError",
    "InsufficientFundsError",
    "Ledger",
    "LedgerError",
    "LimitExceededError",
    "Line",
    "Order",
    "Receipt",
    "RefusalError",
    "Write",
]
