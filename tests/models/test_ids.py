"""Ids are UUIDv7: ordered by time, made without asking anybody."""

from datetime import UTC, datetime, timedelta
from random import Random
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from models.ids import FIRST, HOUSE, LAST, id_at, moment_of, new_id

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
moments = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def is_uuid7(value: UUID) -> bool:
    return value.version == 7 and value.variant == RFC_4122


def milliseconds_of(value: UUID) -> int:
    return value.int >> 80


def test_ids_of_one_process_sort_in_the_order_in_which_they_are_made() -> None:
    ids = [new_id() for _ in range(20_000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_a_new_id_is_a_uuid7_of_this_moment() -> None:
    before = (datetime.now(UTC) - EPOCH) // timedelta(milliseconds=1)
    made = new_id()
    after = (datetime.now(UTC) - EPOCH) // timedelta(milliseconds=1)
    assert is_uuid7(made)
    assert isinstance(made, UUID)
    assert before <= milliseconds_of(made) <= after + 1


@given(moments, st.integers())
def test_an_id_tells_when_it_was_made(moment: datetime, seed: int) -> None:
    assert moment - moment_of(id_at(moment, Random(seed))) < timedelta(milliseconds=1)


@given(moments, st.integers())
def test_the_id_of_a_moment_is_a_uuid7_of_its_millisecond(moment: datetime, seed: int) -> None:
    made = id_at(moment, Random(seed))
    assert is_uuid7(made)
    assert milliseconds_of(made) == (moment - EPOCH) // timedelta(milliseconds=1)


@given(moments, st.integers())
def test_the_same_moment_and_seed_give_the_same_ids(moment: datetime, seed: int) -> None:
    one, other = Random(seed), Random(seed)
    assert [id_at(moment, one) for _ in range(5)] == [id_at(moment, other) for _ in range(5)]


@given(moments, moments, st.integers())
def test_ids_of_moments_sort_as_the_moments_do(one: datetime, other: datetime, seed: int) -> None:
    random = Random(seed)
    first, second = id_at(one, random), id_at(other, random)
    if milliseconds_of(first) != milliseconds_of(second):
        assert (first < second) == (one < other)


def test_no_id_is_beyond_the_bounds_or_the_house() -> None:
    made = new_id()
    assert FIRST < made < LAST
    assert made != HOUSE
