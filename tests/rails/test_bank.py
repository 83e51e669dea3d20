"""What counts as done with a bank, day by day. The bank's files lie in memory: an exchange is no more than this."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from models.money import Currency, Money
from models.rails import SettlementKind
from rails import Approved, Declined, Pending, Rejected, Unknown, UnreachableError
from rails.bank import Bank, News, Reason, Sending
from rails.exchange import BankFile, FileKind
from rails.interface import Settlement
from rails.reports import Verdict

MONDAY = datetime(2026, 11, 23, 20, tzinfo=UTC)
DAY = timedelta(days=1)
HUNDRED = Money(100_00, Currency.USD)
SENDING = Sending("f.txt", "7", "7", MONDAY - DAY, good_after_days=2)
PENDING = Pending("7", processing=True)
GOOD = Approved("BOOKED", "7")


class Desk:
    """The bank's files, and what each says."""

    def __init__(self) -> None:
        self.files_: dict[BankFile, News] = {}
        self.ours: set[str] = {"f.txt"}
        self.reads: list[str] = []

    def write(self, kind: FileKind, at: datetime, news: News, name: str | None = None) -> None:
        self.files_[BankFile(name or f"{kind}-{len(self.files_)}", kind, at)] = news

    def state(self, at: datetime, *lines: Settlement) -> None:
        self.write(FileKind.STATEMENT, at, News(lines=lines, stated=at.date()))

    async def put(self, name: str, content: bytes, network_ref: str) -> Pending:
        raise AssertionError("whoever asks sends nothing")

    async def has(self, name: str) -> bool:
        return name in self.ours

    async def files(self, since: datetime) -> Sequence[BankFile]:
        return sorted((file for file in self.files_ if file.created_at >= since), key=lambda file: file.created_at)

    async def read(self, name: str) -> bytes:
        self.reads.append(name)
        return name.encode()

    async def close(self) -> None:
        pass

    def reader(self, file: BankFile, content: bytes) -> News:
        assert content.decode() == file.name
        if file.name == "unreadable":
            raise ValueError("the report has no amount")
        return self.files_[file]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def bank(desk: Desk) -> Bank:
    return Bank(desk, desk.reader, {"R01": Reason("Too little money.", retryable=True)})


def line(kind: SettlementKind, amount: Money = HUNDRED, code: str | None = None, ref: str = "7") -> Settlement:
    return Settlement(f"{kind}-{ref}-{amount}", ref, kind, amount, MONDAY, code)


async def test_two_days_after_it_was_booked_it_is_good_and_not_before(desk: Desk, bank: Bank) -> None:
    answers = [await bank.query(SENDING)]
    desk.state(MONDAY, line(SettlementKind.SETTLED))
    answers.append(await bank.query(SENDING))
    for day in (1, 2):
        desk.state(MONDAY + day * DAY)
        answers.append(await bank.query(SENDING))
    assert answers == [PENDING, PENDING, PENDING, GOOD]


async def test_what_need_not_wait_is_good_once_it_was_booked(desk: Desk, bank: Bank) -> None:
    sending = SENDING._replace(good_after_days=0)
    assert await bank.query(sending) == PENDING
    desk.state(MONDAY, line(SettlementKind.SETTLED))
    assert await bank.query(sending) == GOOD


async def test_statements_of_one_day_are_one_day(desk: Desk, bank: Bank) -> None:
    desk.state(MONDAY, line(SettlementKind.SETTLED))
    for hours in (24, 25, 26):
        desk.state(MONDAY.replace(hour=0) + timedelta(hours=hours))
    assert await bank.query(SENDING) == PENDING


async def test_days_before_it_was_booked_do_not_count(desk: Desk, bank: Bank) -> None:
    for day in range(3):
        desk.state(MONDAY + day * DAY)
    desk.state(MONDAY + 3 * DAY, line(SettlementKind.SETTLED))
    assert await bank.query(SENDING) == PENDING


async def test_a_statement_that_tells_it_once_more_does_not_begin_the_days_anew(desk: Desk, bank: Bank) -> None:
    for day in range(3):
        desk.state(MONDAY + day * DAY, line(SettlementKind.SETTLED))
    assert await bank.query(SENDING) == GOOD


async def test_time_alone_makes_nothing_good(desk: Desk, bank: Bank) -> None:
    desk.write(FileKind.ACKNOWLEDGEMENT, MONDAY, News(verdicts=[Verdict("f.txt", None, "ACCP", None)]))
    for day in range(30):
        desk.state(MONDAY + day * DAY, line(SettlementKind.SETTLED, ref="8"))
    assert await bank.query(SENDING) == PENDING


async def test_what_came_back_is_declined_whatever_else_was_told(desk: Desk, bank: Bank) -> None:
    desk.state(MONDAY, line(SettlementKind.SETTLED))
    desk.write(FileKind.RETURN, MONDAY + DAY, News(lines=[line(SettlementKind.RETURNED, code="R01")]))
    for day in range(1, 5):
        desk.state(MONDAY + day * DAY)
    assert await bank.query(SENDING) == Declined("R01", "Too little money.", True, "7")


async def test_a_code_that_nobody_knows_is_told_as_it_is(desk: Desk, bank: Bank) -> None:
    desk.write(FileKind.RETURN, MONDAY, News(lines=[line(SettlementKind.RETURNED, code="R77")]))
    answer = await bank.query(SENDING)
    assert isinstance(answer, Declined)
    assert (answer.code, answer.retryable) == ("R77", False)


async def test_a_line_of_another_amount_is_for_reconciliation_to_report(desk: Desk, bank: Bank) -> None:
    wrong = line(SettlementKind.SETTLED, Money(99_99, Currency.USD))
    for day in range(4):
        desk.state(MONDAY + day * DAY, wrong)
    assert await bank.query(SENDING) == GOOD
    assert (await bank.settlements(MONDAY))[0] == wrong


@pytest.mark.parametrize(
    ("verdicts", "answer"),
    [
        ([Verdict("f.txt", None, "ACCP", None)], PENDING),
        ([Verdict("f.txt", None, "RJCT", "FF01")], Rejected("the bank refuses the file: FF01")),
        ([Verdict("f.txt", None, "RJCT", None)], Rejected("the bank refuses the file: it does not say why")),
        ([Verdict("f.txt", "7", "RJCT", "R01")], Declined("R01", "Too little money.", True, "7")),
        ([Verdict("f.txt", "7", "RJCT", None)], Declined("RJCT", "The bank has sent it back.", False, "7")),
        ([Verdict("f.txt", None, "RJCT", "FF01"), Verdict("f.txt", "7", "ACSC", None)], Approved("ACSC", "7")),
        ([Verdict("f.txt", "7", "ACSP", None), Verdict("f.txt", "7", "ACSC", None)], Approved("ACSC", "7")),
        ([Verdict("g.txt", None, "RJCT", "FF01"), Verdict("g.txt", "7", "RJCT", "R01")], PENDING),
    ],
)
async def test_what_the_bank_says_of_a_file_and_of_a_payment(
    desk: Desk, bank: Bank, verdicts: list[Verdict], answer: object
) -> None:
    for verdict in verdicts:
        desk.write(FileKind.ACKNOWLEDGEMENT, MONDAY, News(verdicts=[verdict]))
    assert await bank.query(SENDING) == answer


async def test_a_file_that_the_bank_does_not_have_is_unknown(desk: Desk, bank: Bank) -> None:
    desk.ours.clear()
    assert await bank.query(SENDING) == Unknown("the bank has no such file", "7")


async def test_a_file_is_read_once(desk: Desk, bank: Bank) -> None:
    desk.state(MONDAY, line(SettlementKind.SETTLED))
    for _ in range(3):
        await bank.query(SENDING)
        await bank.settlements(MONDAY)
    assert len(desk.reads) == 1


async def test_nothing_is_said_while_a_file_cannot_be_read(desk: Desk, bank: Bank) -> None:
    for day in range(4):
        desk.state(MONDAY + day * DAY, line(SettlementKind.SETTLED))
    assert await bank.query(SENDING) == GOOD
    desk.write(FileKind.RETURN, MONDAY + DAY, News(), "unreadable")
    assert await bank.query(SENDING) == Unknown("the report has no amount", "7")
    with pytest.raises(UnreachableError, match="the report has no amount"):
        await bank.settlements(MONDAY)
