"""Which rails an application has, and on which of them cards and bank accounts are linked."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.funding import SourceKind
from models.transfers import Rail
from rails.interface import RailAdapter
from rails.sandbox import Books, SandboxRail
from rails.vault import Vault


def _sandbox_alone() -> Mapping[Rail, RailAdapter]:
    return {Rail.SANDBOX: SandboxRail()}


@dataclass(frozen=True, slots=True)
class Rails:
    """The rails that there are, and the choice of the operator."""

    adapters: Mapping[Rail, RailAdapter] = field(default_factory=_sandbox_alone)
    cards: Rail = Rail.SANDBOX
    """On which rail new cards are linked."""
    banks: Rail = Rail.SANDBOX
    """On which rail new bank accounts are linked."""
    vault: Vault | None = None
    """Where numbers are kept; without one nothing can be linked."""

    def of_kind(self, kind: SourceKind) -> Rail:
        """On which rail new sources of a kind are linked."""
        return self.cards if kind is SourceKind.CARD else self.banks


def sandbox_rails(vault: Vault | None, books: Books | None = None) -> Rails:
    """The embedded rail alone: play money."""
    return Rails({Rail.SANDBOX: SandboxRail(vault, books)}, vault=vault)
