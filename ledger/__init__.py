"""The double-entry engine, and the one user of the ledger's tables. See README.md beside this file."""

from ledger.engine import Ledger
from ledger.freezes import recheck
from ledger.orders import (
    AccountName,
    BalanceRow,
    BusyError,
    Draw,
    FrozenError,
    HoldResolvedError,
    IdempotencyConflictError,
    InsufficientFundsError,
    LedgerError,
    LimitExceededError,
    Line,
    Message,
    Order,
    Receipt,
    RefusalError,
    Resolution,
    StaleError,
    TooLargeError,
    Write,
)

__all__ = [
    "AccountName",
    "BalanceRow",
    "BusyError",
    "Draw",
    "FrozenError",
    "HoldResolvedError",
    "IdempotencyConflictError",
    "InsufficientFundsError",
    "Ledger",
    "LedgerError",
    "LimitExceededError",
    "Line",
    "Message",
    "Order",
    "Receipt",
    "RefusalError",
    "Resolution",
    "StaleError",
    "TooLargeError",
    "Write",
    "recheck",
]
