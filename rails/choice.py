"""Which rails there are here, and which of them new cards and bank accounts are linked to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.funding import SourceKind
from models.transfers import Rail
from rails.interface import RailAdapter
from rails.sandbox import SandboxRail


def _sandbox() -> Mapping[Rail, RailAdapter]:
    return {Rail.SANDBOX: SandboxRail()}


@dataclass(frozen=True, slots=True)
class Rails:
    """The adapters that are set up, and the choice of one for what is linked from now on."""

    adapters: Mapping[Rail, RailAdapter] = field(default_factory=_sandbox)
    cards: Rail = Rail.SANDBOX
    banks: Rail = Rail.SANDBOX

    def for_new(self, kind: SourceKind) -> RailAdapter:
        """The rail to which a new source is linked."""
        return self.adapters[self.cards if kind is SourceKind.CARD else self.banks]
