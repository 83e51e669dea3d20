"""The embedded default: play money that arrives at once. It says so: its environment is SANDBOX."""

from models.transfers import Rail, RailEnvironment
from rails.interface import Approved, Pull, RailAdapter

APPROVED = "00"  # the code of ISO 8583 with which card networks approve


class SandboxRail(RailAdapter):
    """Approves every pull from the sandbox card that each account is born with."""

    rail = Rail.SANDBOX
    environment = RailEnvironment.SANDBOX

    async def pull(self, pull: Pull) -> Approved:
        return Approved(APPROVED)
