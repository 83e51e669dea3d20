"""Which rails this process has: those that the operator has set up, and the sandbox while no real money is about."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from models.database import Database
from models.transfers import Rail, RailEnvironment
from rails import RailAdapter, Rails, SandboxBooks, SandboxRail, Secrets, Vault
from server.bank_rails import ach_rail, iso20022_rail
from server.exits import WrongSettingError
from server.settings import Settings
from server.stripe import stripe_rail
from server.visa import visa_rail


@asynccontextmanager
async def networks(settings: Settings, vault: Vault | None, database: Database) -> AsyncIterator[Rails]:
    """The rails for as long as the block runs. Raises WrongSettingError."""
    async with AsyncExitStack() as stack:
        adapters = {} if vault is None else _set_up(settings, vault)
        for adapter in adapters.values():
            stack.push_async_callback(adapter.close)
        yield _chosen(settings, adapters, SandboxRail(vault, SandboxBooks(database)), vault)


def _set_up(settings: Settings, secrets: Secrets) -> dict[Rail, RailAdapter]:
    adapters = [set_up(settings, secrets) for set_up in (visa_rail, stripe_rail, ach_rail, iso20022_rail)]
    return {adapter.rail: adapter for adapter in adapters if adapter is not None}


def _chosen(
    settings: Settings, adapters: Mapping[Rail, RailAdapter], embedded: SandboxRail, vault: Vault | None
) -> Rails:
    cards, banks = settings.card_rail, settings.bank_rail
    for name, rail in {"HATFUL_CARD_RAIL": cards, "HATFUL_BANK_RAIL": banks}.items():
        if rail is not Rail.SANDBOX and rail not in adapters:
            raise WrongSettingError(f"{name} is {rail}, but nothing says how to reach that network: see docs/rails.md.")
    live = [adapter for adapter in adapters.values() if adapter.environment is RailEnvironment.LIVE]
    if live and Rail.SANDBOX in (cards, banks):
        raise WrongSettingError(
            "Real money does not go with the sandbox's: set HATFUL_CARD_RAIL and HATFUL_BANK_RAIL to other rails."
        )
    sandbox: Mapping[Rail, RailAdapter] = {} if live else {embedded.rail: embedded}
    return Rails({**sandbox, **adapters}, cards, banks, vault)
