import pytest

from ledger.verify import Report
from models.database import Database
from server import auditing
from server.exits import OutdatedDatabaseError
from server.settings import load

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
