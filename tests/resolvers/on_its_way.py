"""Ada, a card of hers and its network, at a moment that goes on when it is told to."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ledger.verify import verify
from models.money import Currency, Money
from models.rails import Direction, IntentState, PayoutSpeed, SettlementKind
from models.transfers import Rail, TransferStatus
from rails import Answer, Approved, Declined, NotSent, Pending, Rails, Settlement, Unknown
from resolvers import intents, settlements, top_ups, transfers, withdrawals
from resolvers.context import App
from resolvers.intents import Taken
from resolvers.outcomes import IntentRow
from resolvers.settlements import Report
from resolvers.transfers import Moved
from tests.harness.networks import Answering, known
from tests.harness.tally import Tally, tally
from tests.harness.town import Person, Town, money, new_key

NOON = datetime(2031, 5, 1, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
PULL, PUSH = Direction.PULL, Direction.PUSH
NOTHING = Tally()
APPROVED, DECLINED = Approved("00", "ref"), Declined("51", "Too little money.")
UNKNOWN, NOT_SENT = Unknown("silence"), NotSent("no connection", retry_after_seconds=7)
PENDING, PROCESSING = Pending("ref"), Pending("ref", processing=True)
PART = Approved("10", "ref", moved=Money(60_00, Currency.USD))


class Scene:
    """Ada, a card of hers, and its network, at a moment that goes on when it is told to."""

    def __init__(self, app: App) -> None:
        self.network = Answering()
        self.app = replace(app, rails=Rails({Rail.VISA_DIRECT: self.network}, Rail.VISA_DIRECT))
        self.moment = NOON
        self.ada: Person
        self.source = ""

    async def begin(self) -> None:
        self.ada = await Town(self.app).person("ada")
        self.source = await known(self.ada, Rail.VISA_DIRECT)

    def now(self) -> datetime:
        return self.moment

    async def tops_up(self, *answers: Answer) -> Moved:
        """Ada tops up 100, and the network answers."""
        self.network.answers += answers
        return await top_ups.top_up_wallet(self.ada.ctx(), self.source, money("100"), key=new_key())

    async def withdraws(self, *answers: Answer, speed: PayoutSpeed = PayoutSpeed.INSTANT) -> Moved:
        """Ada withdraws 40, and the network answers."""
        self.network.answers += answers
        return await withdrawals.withdraw(self.ada.ctx(), self.source, money("40"), speed=speed, key=new_key())

    async def take(self) -> Taken:
        taken = await intents.take(self.app, self.moment)
        assert taken is not None, "something is due"
        return taken

    async def works(self, *answers: Answer) -> None:
        """What is due now is done, and the network answers."""
        self.network.answers += answers
        while (taken := await intents.take(self.app, self.moment)) is not None:
            await intents.see_to(self.app, taken, self.now)
        assert not self.network.answers, "there was so much to ask"

    async def hears(self, taken: Taken, answer: Answer) -> None:
        await intents.take_in(self.app, taken, answer, self.moment)

    async def books(self, kind: SettlementKind, amount: int = 100, ref: str = "ref", line: str = "") -> Report:
        """The network books something about what it calls `ref`, and its books are read."""
        booked = Settlement(line or kind, ref, kind, Money(amount * 100, Currency.USD), self.moment)
        self.network.lines.append(booked)
        return await self.reads()

    async def reads(self) -> Report:
        return await settlements.reconcile(self.app, Rail.VISA_DIRECT, self.moment)

    async def tally(self) -> Tally:
        assert (await verify(self.app.database)).problems == []
        return await tally(self.app, self.ada.id)

    async def intent(self, moved: Moved) -> IntentRow:
        return (await intents.intents_by_id(self.app, [moved.transfer.id]))[moved.transfer.id]

    async def status(self, moved: Moved) -> TransferStatus:
        return (await transfers.transfers_by_id(self.ada.ctx(), [moved.transfer.id]))[moved.transfer.id].status

    async def stands(self, moved: Moved) -> tuple[IntentState, TransferStatus]:
        return (await self.intent(moved)).state, await self.status(moved)

    async def waiting(self) -> list[IntentRow]:
        return await intents.waiting(self.app)

    def operations(self) -> Counter[str]:
        return Counter(operation for operation, _ in self.network.asked)


IN_BOOKS, ON_ITS_WAY = (IntentState.APPROVED, TransferStatus.COMPLETED), TransferStatus.PENDING_RAIL
