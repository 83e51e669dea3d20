"""The simulated bank, as its customers see it."""

from datetime import UTC, date, datetime
from typing import Any

import httpx2
import pytest

from rails.nacha import Batch, Class, Code, Entry, written
from tests.harness.banks import ORIGINATOR
from tests.harness.simulator import Simulator

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SINCE = {"since": "2020-01-01T00:00:00Z"}


def ask(simulator: Simulator, method: str, path: str, token: str = "simulated-ach", **more: Any) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx2.request(method, simulator.addresses["bank"] + path, headers=headers, trust_env=False, **more)


def listed(simulator: Simulator, token: str = "simulated-ach") -> list[dict[str, str]]:
    files: list[dict[str, str]] = ask(simulator, "GET", "/files", token, params=SINCE).json()["files"]
    return files


def told(simulator: Simulator, token: str = "simulated-ach") -> list[dict[str, str]]:
    """All but the statement of a banking day, which is there when the day is over."""
    return [file for file in listed(simulator, token) if file["kind"] != "STATEMENT"]


def a_debit() -> bytes:
    entry = Entry(Code.DEBIT, "021000021", "000123456789", 500, "000000000001", "Zoe")
    return written(ORIGINATOR, Batch(Class.WEB, "TOP UP", 1, [entry]), NOW, date(2026, 11, 24))


def test_only_customers_come_in(simulator: Simulator) -> None:
    for method, path in (("PUT", "/files/f"), ("GET", "/files/f"), ("GET", "/files")):
        assert ask(simulator, method, path, "stolen").status_code == 401


def test_customers_see_their_own_files(simulator: Simulator) -> None:
    ask(simulator, "PUT", "/files/mine.txt", content=a_debit())
    assert ask(simulator, "GET", "/files/mine.txt").content == a_debit()
    assert ask(simulator, "GET", "/files/mine.txt", "simulated-sct").status_code == 404
    assert len(told(simulator)) == 1
    assert told(simulator, "simulated-sct") == []


def test_a_file_is_taken_once_under_its_name(simulator: Simulator) -> None:
    statuses = [ask(simulator, "PUT", "/files/f.txt", content=a_debit()).status_code for _ in range(2)]
    other = ask(simulator, "PUT", "/files/f.txt", content=a_debit() + b" ")
    assert (statuses, other.status_code) == ([201, 200], 409)
    assert len(simulator.books("ach")["movements"]) == 1


def test_a_file_that_breaks_a_rule_is_refused_by_a_file(simulator: Simulator) -> None:
    ask(simulator, "PUT", "/files/f.txt", content=a_debit().replace(b"0000000500", b"0000000501", 1))
    (status,) = told(simulator)
    said = ask(simulator, "GET", f"/files/{status['name']}").text
    assert "<GrpSts>RJCT</GrpSts>" in said
    assert "<Cd>FF01</Cd>" in said
    assert simulator.books("ach")["movements"] == []


def test_there_is_a_statement_for_each_banking_day(simulator: Simulator) -> None:
    ask(simulator, "PUT", "/files/f.txt", content=a_debit())
    simulator.forward(days=14)
    days = [datetime.fromisoformat(file["created_at"]) for file in listed(simulator) if file["kind"] == "STATEMENT"]
    assert len(days) in {10, 11}  # the day that it begins with may be over, or have begun
    assert all(day.isoweekday() <= 5 for day in days)
    assert days == sorted(set(days))


def test_a_statement_that_was_changed_is_another_file(simulator: Simulator) -> None:
    ask(simulator, "PUT", "/files/f.txt", content=a_debit())
    simulator.forward(days=7)
    before = {file["name"] for file in listed(simulator)}
    (line,) = simulator.books("ach")["lines"]
    simulator.rewrite_line(line["id"], 499)
    after = {file["name"] for file in listed(simulator)}
    said = [ask(simulator, "GET", f"/files/{name}").text for name in sorted(after - before)]
    assert "4.99" in said[0]
    assert "<EndToEndId>000000000001</EndToEndId>" in said[0]


@pytest.mark.parametrize("params", [{}, {"since": "yesterday"}, {"since": "2026-01-01T00:00:00"}])
def test_a_list_is_since_a_moment(simulator: Simulator, params: dict[str, str]) -> None:
    ask(simulator, "PUT", "/files/f.txt", content=a_debit())
    assert ask(simulator, "GET", "/files", params=params).status_code == 400
