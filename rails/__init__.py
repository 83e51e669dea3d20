"""Ways that money enters and leaves: one interface, one adapter a network."""

from rails.choice import Rails, sandbox_rails
from rails.interface import (
    AccountNumber,
    Answer,
    Approved,
    BadSignatureError,
    Call,
    Capabilities,
    CardNumber,
    Declined,
    Linked,
    LinkRefusedError,
    Notice,
    NotSent,
    Pending,
    RailAdapter,
    Rejected,
    Secrets,
    Settlement,
    Source,
    Unknown,
    UnreachableError,
    VerifiesDeposits,
)
from rails.sandbox import SandboxRail
from rails.sandbox_books import SandboxBooks
from rails.vault import Kept, Vault

__all__ = [
    "AccountNumber",
    "Answer",
    "Approved",
    "BadSignatureError",
    "Call",
    "Capabilities",
    "CardNumber",
    "Declined",
    "Kept",
    "LinkRefusedError",
    "Linked",
    "NotSent",
    "Notice",
    "Pending",
    "RailAdapter",
    "Rails",
    "Rejected",
    "SandboxBooks",
    "SandboxRail",
    "Secrets",
    "Settlement",
    "Source",
    "Unknown",
    "UnreachableError",
    "Vault",
    "VerifiesDeposits",
    "sandbox_rails",
]
