from uuid import UUID

import pytest

from server import rate_limits
from server.answers import HttpError
from server.rate_limits import RateLimit, RateLimits
from tests.harness.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_lets_a_minute_s_requests_through_at_once_and_no_more(clock: Clock) -> None:
    limit = RateLimit(60, clock)
    assert [limit.take("a") for _ in range(60)] == [0.0] * 60
    assert limit.take("a") == pytest.approx(1.0)
    assert limit.take("b") == 0


def test_goes_on_at_the_pace_after_the_wait_that_it_names(clock: Clock) -> None:
    limit = RateLimit(60, clock)
    for _ in range(60):
        limit.take("a")
    clock.now += limit.take("a")
    assert limit.take("a") == 0
    assert limit.take("a") > 0
    clock.now += 60
    assert [limit.take("a") for _ in range(60)] == [0.0] * 60


def test_a_refused_request_does_not_lengthen_the_wait(clock: Clock) -> None:
    limit = RateLimit(1, clock)
    limit.take("a")
    assert [limit.take("a") for _ in range(3)] == [pytest.approx(60.0)] * 3


def test_forgets_clients_that_are_long_gone(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MAX_CLIENTS", 3)
    limit = RateLimit(1, clock)
    for key in "abcdefgh":
        limit.take(key)
        assert len(limit._paid_until) <= 3
        clock.now += 30
    assert limit.take("h") > 0


async def test_refuses_with_the_seconds_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "PER_TOKEN", 1)
    limits = RateLimits()
    await limits.count_token(UUID(int=1))
    await limits.count_token(UUID(int=2))
    with pytest.raises(HttpError) as caught:
        await limits.count_token(UUID(int=1))
    assert (caught.value.status, caught.value.code) == (429, "RATE_LIMITED")
    assert caught.value.headers["retry-after"] == "60"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:1::1", False),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
    ],
)
async def test_counts_an_ipv6_network_as_one_client(
    monkeypatch: pytest.MonkeyPatch, one: str, other: str, same: bool
) -> None:
    monkeypatch.setattr(rate_limits, "PER_ADDRESS", 1)
    limits = RateLimits()
    await limits.count_address({"client": (one, 1)})
    if same:
        with pytest.raises(HttpError):
            await limits.count_address({"client": (other, 2)})
    else:
        await limits.count_address({"client": (other, 2)})


async def test_counts_clients_without_an_address_together() -> None:
    await RateLimits().count_address({"client": None})
