"""What every rail offers, whatever network is behind it."""

from typing import NamedTuple, Protocol
from uuid import UUID

from models.money import Money
from models.transfers import Rail, RailEnvironment


class Pull(NamedTuple):
    """Money to be drawn from a funding source. `reference` is ours, and unique: a network sees it once."""

    reference: UUID
    source_id: UUID
    amount: Money


class Approved(NamedTuple):
    """The network has moved the money; its code says so in its own words."""

    network_code: str


class RailAdapter(Protocol):
    """A way for money to enter."""

    rail: Rail
    environment: RailEnvironment

    async def pull(self, pull: Pull) -> Approved:
        """Draws money from a funding source. Never called inside a transaction."""
        ...
