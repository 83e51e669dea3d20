import asyncio

import pytest

from ledger import Ledger
from ledger.verify import Report
from models.database import Database, open_database
from server import auditing
from server.exits import OutdatedDatabaseError, WrongSettingError
from server.settings import load
from tests.harness.backdoor import backdoor
from tests.harness.books import Books
from tests.harness.edits import live, unguard

pytestmark = pytest.mark.usefixtures("nothing_set")


def test_says_that_all_of_it_adds_up(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert auditing.audit(load(database=database_url)) == 0
    assert "All of it adds up: 0 accounts, 0 journals, 0 postings and 0 entries" in capsys.readouterr().out


def test_names_each_problem_and_fails(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def verify(_: Database, *__: object) -> Report:
        return Report(["[balance] is 1 too high", "a journal is lost"], 1, 2, 3, 4000, 0.1)

    monkeypatch.setattr(auditing, "verify", verify)
    assert auditing.audit(load(database=sqlite_url)) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[-3:-1] == ["wrong  [balance] is 1 too high", "wrong  a journal is lost"]
    assert said[-1].startswith("Problems: 2: 4,000 accounts, 1 journals, ")


def test_refuses_a_database_without_the_tables(empty_database_url: str) -> None:
    with pytest.raises(OutdatedDatabaseError, match="run hatful migrate first"):
        auditing.audit(load(database=empty_database_url))


# Seals


def kept_head(said: str) -> str:
    [head] = [line.removeprefix("Head: ") for line in said.splitlines() if line.startswith("Head: ")]
    return head


async def pay(database_url: str) -> None:
    database = await open_database(database_url)
    ledger = Ledger(database)
    await ledger.start()
    await live(Books(database, ledger))
    await ledger.stop()
    await database.close()


def test_seals_and_prints_a_head_that_is_verified_later(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    settings = load(database=database_url)
    assert auditing.close_books(settings, 0) == 0
    assert capsys.readouterr().out == "New blocks: 0.\nNothing is sealed yet.\n"
    asyncio.run(pay(database_url))
    assert auditing.close_books(settings) == 0
    assert "New blocks: 0." in capsys.readouterr().out, "what is new is left out"
    assert auditing.close_books(settings, 0) == 0
    said = capsys.readouterr().out
    assert said.startswith("New blocks: 1.\nHead: 1:")
    assert "Last journal: " in said
    kept = kept_head(said)

    assert auditing.audit(settings, kept) == 0
    said = capsys.readouterr().out
    assert "All of it adds up" in said
    assert "s per million postings." in said
    assert kept_head(said) == kept
    assert auditing.audit(settings, f"1:{'00' * 32}") == 1
    assert "Block 1: its hash is not the one that was kept." in capsys.readouterr().out


def test_checking_leaves_the_seals_alone(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    settings = load(database=database_url)
    asyncio.run(pay(database_url))
    auditing.close_books(settings, 0)
    capsys.readouterr()

    async def alter() -> None:
        async with backdoor(database_url) as connection:
            await unguard(connection)
            await connection.fetch("UPDATE journals SET kind = 'GIFT'")

    asyncio.run(alter())
    assert auditing.look(settings) == 0
    assert "Head: " not in capsys.readouterr().out
    assert auditing.audit(settings) == 1
    assert "Block 1: journal " in capsys.readouterr().out


@pytest.mark.parametrize("head", ["", "1", "x:y", "1:00"])
def test_says_what_is_no_head(sqlite_url: str, head: str) -> None:
    with pytest.raises(WrongSettingError, match="must be a block's number and hash"):
        auditing.audit(load(database=sqlite_url), head)


@pytest.mark.parametrize("lag", [-1, 1e9, float("nan"), float("inf")])
def test_says_what_is_no_lag(sqlite_url: str, lag: float) -> None:
    with pytest.raises(WrongSettingError, match="must be a number of seconds"):
        auditing.close_books(load(database=sqlite_url), lag)
