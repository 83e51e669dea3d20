"""What must hold in a test's database whatever has happened in it, and what is in it at all."""

from typing import Any

from sqlmodel import SQLModel

from tests.harness.backdoor import Backdoor

_COUNTED = {
    "followers": (
        "SELECT user_id, follower_count, (SELECT count(*) FROM follows WHERE followed_id = user_id) FROM user_counters"
    ),
    "following": (
        "SELECT user_id, following_count, (SELECT count(*) FROM follows WHERE follower_id = user_id) FROM user_counters"
    ),
    "posts": (
        "SELECT user_id, post_count, (SELECT count(*) FROM posts WHERE author_id = user_id AND deleted_at IS NULL)"
        " FROM user_counters"
    ),
    "likes": (
        "SELECT post_id, like_count, (SELECT count(*) FROM likes WHERE likes.post_id = post_counters.post_id)"
        " FROM post_counters"
    ),
    "reposts": (
        "SELECT post_id, repost_count, (SELECT count(*) FROM reposts WHERE reposts.post_id = post_counters.post_id)"
        " FROM post_counters"
    ),
    "replies": (
        "SELECT post_id, reply_count,"
        " (SELECT count(*) FROM posts WHERE reply_to_id = post_counters.post_id AND deleted_at IS NULL)"
        " FROM post_counters"
    ),
    "tips": (
        "SELECT post_id, tip_count, (SELECT count(*) FROM transfers"
        " WHERE transfers.post_id = post_tips.post_id AND transfers.currency = post_tips.currency) FROM post_tips"
    ),
    "tip totals": (
        "SELECT post_id, total, (SELECT sum(amount) FROM transfers"
        " WHERE transfers.post_id = post_tips.post_id AND transfers.currency = post_tips.currency) FROM post_tips"
    ),
}


async def miscounts(backdoor: Backdoor) -> list[str]:
    """Every kept count that differs from what is there to be counted."""
    return [
        f"{what} of {owner!r}: kept {kept}, found {found}"
        for what, sql in _COUNTED.items()
        for owner, kept, found in await backdoor.fetch(sql)
        if kept != found
    ]


async def contents(backdoor: Backdoor) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables, but the accounts that were opened and never used: the ledger opens one before it knows
    whether an order can be posted.
    """
    used = {"accounts": "WHERE version > 0 OR debits_pending > 0 OR credits_pending > 0"}
    return {
        name: sorted(await backdoor.fetch(f'SELECT * FROM "{name}" {used.get(name, "")}'), key=repr)
        for name in SQLModel.metadata.tables
    }


async def everything_stored(backdoor: Backdoor) -> str:
    """All that the database holds, as one text in which a secret would be found."""
    return "\n".join(repr(row) for rows in (await contents(backdoor)).values() for row in rows)
