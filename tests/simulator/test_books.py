"""The networks' books go on by the clock alone."""

from datetime import UTC, datetime, timedelta

import pytest

from simulator.books import Books, Kind, LineKind, Movement, Status, UnknownMovementError

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def a_pull(books: Books, **more: object) -> Movement:
    values = {
        "id": "pull-1",
        "network": "visa",
        "kind": Kind.PULL,
        "key": "one",
        "amount": 10_000,
        "currency": "USD",
        "at": NOW,
        "decided_at": NOW,
    }
    return books.write(Movement.model_validate({**values, **more}), DAY)


def test_a_movement_is_pending_until_it_is_decided() -> None:
    books = Books()
    pull = a_pull(books, decided_at=NOW + DAY, outcome=Status.FAILED)
    assert (pull.status(NOW), pull.status(NOW + DAY)) == (Status.PENDING, Status.FAILED)
    assert books.moved("visa", NOW + DAY) == {}


def test_what_is_completed_settles_later() -> None:
    books = Books()
    a_pull(books)
    assert books.moved("visa", NOW) == {"USD": 10_000}
    assert books.lines("visa", NOW) == []
    [line] = books.lines("visa", NOW + DAY)
    assert (line.kind, line.amount, line.movement) == (LineKind.SETTLED, 10_000, "pull-1")


def test_what_comes_back_before_it_is_settled_never_settles() -> None:
    books = Books()
    a_pull(books)
    books.give_back("pull-1", "R01", NOW + DAY / 2)
    assert [(line.kind, line.code) for line in books.lines("visa", NOW + 9 * DAY)] == [(LineKind.RETURNED, "R01")]


def test_what_comes_back_after_it_was_settled_is_settled_again_a_day_later() -> None:
    books = Books()
    a_pull(books)
    books.give_back("pull-1", "R10", NOW + 5 * DAY)
    assert [line.kind for line in books.lines("visa", NOW + 5 * DAY)] == [LineKind.SETTLED, LineKind.RETURNED]
    assert [line.kind for line in books.lines("visa", NOW + 6 * DAY)][2:] == [LineKind.RETURN_SETTLED]


@pytest.mark.parametrize(
    ("days", "kinds"), [(0, []), (2, [LineKind.SETTLED, LineKind.RETURNED, LineKind.RETURN_SETTLED])]
)
def test_a_reversal_leaves_nothing_to_settle_or_gives_back_what_was_settled(days: int, kinds: list[LineKind]) -> None:
    books = Books()
    a_pull(books)
    when = NOW + days * DAY
    a_pull(books, id="reversal-1", kind=Kind.REVERSAL, key="two", at=when, decided_at=when, reverses="pull-1")
    assert books.is_reversed("pull-1", when)
    assert books.moved("visa", when) == {"USD": 0}
    assert [line.kind for line in books.lines("visa", NOW + 9 * DAY)] == kinds


def test_a_request_is_found_by_its_key_and_its_network() -> None:
    books = Books()
    pull = a_pull(books)
    assert books.find("visa", "one") is pull
    assert books.find("stripe", "one") is None


def test_nothing_comes_back_that_nobody_knows() -> None:
    with pytest.raises(UnknownMovementError):
        Books().give_back("nobody's", "R01", NOW)
