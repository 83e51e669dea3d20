"""The sandbox's own books: what was asked of it is booked after a minute, and comes back from some test numbers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ledger.verify import verify
from models.database import UnavailableError
from models.rails import Finding, PayoutSpeed, SettlementKind
from models.transfers import Rail, TransferStatus
from rails import SandboxBooks, UnreachableError, sandbox_rails
from resolvers import settlements, top_ups, transfers, withdrawals
from resolvers.context import App
from resolvers.funding import FundingSourceRow
from resolvers.linking import SANDBOX_DEPOSITS
from resolvers.settlements import Report
from resolvers.transfers import Moved
from tests.harness.backdoor import Backdoor
from tests.harness.networks import go_on, id_of, linked_account
from tests.harness.networks import verify as name_deposits
from tests.harness.tally import Tally, tally
from tests.harness.town import FINE, SLOW, Person, Town, money, new_key

CLOSED, DISPUTED = "000111111113", "4000000000000259"


class Scene:
    """Ada, and the sandbox with a clock that can be moved."""

    def __init__(self, app: App) -> None:
        self._ahead = timedelta()
        self.books = SandboxBooks(app.database, self.now)
        self.app = replace(app, rails=sandbox_rails(app.rails.vault, self.books))
        self.ada: Person

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    async def tops_up(self, number: str, amount: str = "100") -> Moved:
        card = await self.ada.links(number)
        return await top_ups.top_up_wallet(self.ada.ctx(), id_of(card), money(amount), key=new_key())

    async def withdraws(self, source: FundingSourceRow, amount: str = "40") -> Moved:
        ctx, asked = self.ada.ctx(), money(amount)
        return await withdrawals.withdraw(ctx, id_of(source), asked, speed=PayoutSpeed.INSTANT, key=new_key())

    async def later(self, minutes: float) -> Report:
        """Minutes go by, and the books are read."""
        self._ahead += timedelta(minutes=minutes)
        return await settlements.reconcile(self.app, Rail.SANDBOX, self.now())

    async def tally(self) -> Tally:
        assert (await verify(self.app.database)).problems == []
        return await tally(self.app, self.ada.id)

    async def status(self, moved: Moved) -> TransferStatus:
        return (await transfers.transfers_by_id(self.ada.ctx(), [moved.transfer.id]))[moved.transfer.id].status


@pytest.fixture
async def scene(app: App) -> Scene:
    scene = Scene(app)
    scene.ada = await Town(scene.app).person("ada")
    return scene


async def test_money_reaches_the_bank_after_a_minute(scene: Scene) -> None:
    await scene.tops_up(FINE)
    assert (await scene.later(0.9), await scene.tally()) == (Report(0, [], []), Tally(U=100, C=100))
    assert (await scene.later(0.2), await scene.tally()) == (Report(1, [], []), Tally(U=100, B=100))
    assert await scene.books.booked() == []
    assert (await scene.later(99), await scene.tally()) == (Report(0, [], []), Tally(U=100, B=100))


async def test_what_is_not_decided_is_not_booked(scene: Scene) -> None:
    await scene.tops_up(SLOW)
    assert await scene.later(2) == Report(0, [], [])
    await go_on(scene.app, minutes=2)
    assert await scene.later(0) == Report(1, [], [])
    assert await scene.tally() == Tally(U=100, B=100)


async def test_a_withdrawal_to_a_closed_account_comes_back(scene: Scene) -> None:
    await scene.tops_up(FINE)
    account = await name_deposits(scene.ada, await linked_account(scene.ada, CLOSED), *SANDBOX_DEPOSITS)
    moved = await scene.withdraws(account)
    assert (moved.transfer.status, await scene.tally()) == (TransferStatus.COMPLETED, Tally(U=60, C=60))
    await scene.later(1.1)
    assert await scene.tally() == Tally(U=60, B=60)
    await scene.later(1)
    assert (await scene.status(moved), await scene.tally()) == (TransferStatus.RETURNED, Tally(U=100, C=40, B=60))
    lines = await scene.books.booked()
    assert [(line.kind, line.code) for line in lines] == [(SettlementKind.RETURNED, "R02")]
    await scene.later(1.1)
    assert (await scene.status(moved), await scene.tally()) == (TransferStatus.RETURNED, Tally(U=100, B=100))
    assert await scene.later(60 * 24) == Report(0, [], [])
    assert await scene.books.booked() == []


async def test_what_is_drawn_from_an_account_that_pays_nobody_out_stays(scene: Scene) -> None:
    account = await name_deposits(scene.ada, await linked_account(scene.ada, CLOSED), *SANDBOX_DEPOSITS)
    await top_ups.top_up_wallet(scene.ada.ctx(), id_of(account), money("100"), key=new_key())
    await scene.later(2)
    await scene.later(9)
    assert await scene.tally() == Tally(U=100, B=100)


async def test_a_disputed_top_up_is_taken_back_and_what_was_spent_is_owed(scene: Scene) -> None:
    ben = await Town(scene.app).person("ben")
    moved = await scene.tops_up(DISPUTED)
    await scene.ada.sends(ben, "70")
    for _ in range(3):
        await scene.later(1.1)
    assert (await scene.status(moved), await scene.tally()) == (TransferStatus.RETURNED, Tally(L=70))


async def test_a_line_that_does_not_fit_is_found_and_changes_nothing(scene: Scene, backdoor: Backdoor) -> None:
    await scene.tops_up(FINE)
    await backdoor.fetch("UPDATE rail_intents SET moved = 9999")
    for _ in range(2):
        report = await scene.later(2)
        assert [line.finding for line in report.findings] == [Finding.WRONG_AMOUNT]
    assert await scene.tally() == Tally(U=100, C=100)


async def test_a_database_that_does_not_answer_is_a_network_that_cannot_be_asked(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fetch(*_: object, **__: object) -> None:
        raise UnavailableError("gone")

    monkeypatch.setattr(type(scene.app.database), "fetch", fetch)
    with pytest.raises(UnreachableError):
        await scene.books.booked()
