"""The books are sealed in blocks, and a sealed row that is not as it was is found and named."""

import asyncio
import hashlib
import threading
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import delete, select, update
from sqlmodel import SQLModel, col

from ledger import Ledger, blocks, seals
from ledger.seals import Head, InvalidHeadError
from ledger.verify import check, verify
from models.database import Command, ConstraintError, Database, Query, UniqueError, columns_of, insert, open_database
from models.ids import new_id
from models.ledger import Account, Entry, Idempotency, Journal, Posting, Seal
from models.types import EPOCH
from tests.harness.backdoor import Backdoor
from tests.harness.books import Books, order, payment_of, top_up_of
from tests.harness.edits import live, unguard

NOW = timedelta(0)


async def sealed(books: Books, times: int = 1) -> None:
    """Books with some life in them, all of it sealed, a block each time."""
    for _ in range(times):
        await live(books)
        assert await seals.seal(books.database, NOW) == 1


async def problems(database: Database) -> list[str]:
    return (await verify(database)).problems


async def test_nothing_is_sealed_in_empty_books(database: Database) -> None:
    assert await seals.seal(database, NOW) == 0
    assert await seals.last_seal(database) is None
    assert (await verify(database)).head is None


async def test_blocks_hold_all_and_chain(books: Books) -> None:
    await sealed(books, 3)
    report = await verify(books.database)
    assert report.problems == []
    assert report.head is not None
    assert report.head.number == await seals.count(books.database) == 3
    assert 0 < report.head.journal_count * 3 == report.journals
    assert await seals.seal(books.database, NOW) == 0, "there is nothing new"


async def test_what_is_new_is_left_out(books: Books) -> None:
    await live(books)
    assert await seals.seal(books.database) == 0
    assert await seals.seal(books.database, timedelta(hours=1)) == 0
    assert await seals.seal(books.database, NOW) == 1


async def test_a_long_past_is_cut_into_blocks(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "MOST_JOURNALS", 4)
    monkeypatch.setattr(blocks, "PAGE", 3)
    await live(books, 2)
    made = await seals.seal(books.database, NOW)
    assert made > 3
    report = await verify(books.database)
    assert report.problems == []
    assert report.head is not None
    assert report.head.number == made
    monkeypatch.setattr(blocks, "PAGE", 100)
    assert await problems(books.database) == [], "how much is read at once does not matter"


async def test_many_sealers_at_once_make_one_chain(books: Books, database_url: str) -> None:
    others = [await open_database(database_url) for _ in range(3)]
    for _ in range(5):
        await live(books)
        made = await asyncio.gather(*(seals.seal(database, NOW) for database in [books.database, *others]))
        assert sum(made) >= 1
    assert await problems(books.database) == []
    assert await seals.count(books.database) >= 5
    for database in others:
        await database.close()


async def test_seals_while_money_moves(books: Books) -> None:
    ada, bob = await books.people(2, 1_000)
    await asyncio.sleep(0.02)

    async def pay() -> None:
        for _ in range(60):
            await books.submit(payment_of(ada, bob, 1))

    paying = asyncio.create_task(pay())
    while not paying.done():
        await seals.seal(books.database, timedelta(milliseconds=500))
        assert await problems(books.database) == []
    await paying


async def test_nothing_is_hashed_in_the_thread_that_serves(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    sha256 = hashlib.sha256

    def noted(data: bytes = b"") -> "hashlib._Hash":
        threads.append(threading.get_ident())
        return sha256(data)

    await live(books)
    monkeypatch.setattr(hashlib, "sha256", noted)
    assert await seals.seal(books.database, NOW) == 1
    assert await problems(books.database) == []
    assert threads
    assert threading.get_ident() not in threads


async def test_the_form_is_the_one_that_is_described(books: Books) -> None:
    """Made once more by hand, so that it cannot change unseen: heads that were kept would be worth nothing."""
    ada, key = UUID(int=7 << 80), "clé"
    the_order = order("TOP_UP", ada, top_up_of(ada, 5).lines, key, id=UUID(int=9 << 80), created_at=EPOCH)
    await books.submit(the_order)
    [item] = [item async for item in blocks.items(books.database, EPOCH, datetime(1970, 1, 2, tzinfo=UTC))]
    rows = await rows_by_hand(books.database, key.encode(), the_order.request_hash)
    assert item == (f"journal {the_order.id}", hashlib.sha256(b"".join(sorted(rows))).digest(), the_order.id, 1)


class PostingRow(NamedTuple):
    id: UUID
    debit_account_id: UUID
    credit_account_id: UUID


class EntryRow(NamedTuple):
    account_id: UUID
    created_at: datetime


postings = Query(PostingRow, select(*columns_of(PostingRow, Posting)))
entries = Query(EntryRow, select(*columns_of(EntryRow, Entry)))


async def rows_by_hand(database: Database, key: bytes, request_hash: bytes) -> list[bytes]:
    def ids(*keys: UUID) -> bytes:
        return b"".join(b"b16:" + key.bytes for key in keys)

    actor, journal = UUID(int=7 << 80), UUID(int=9 << 80)
    [posting] = await database.fetch(postings)
    accounts = posting.debit_account_id, posting.credit_account_id
    rows = [
        b"t8:journals" + ids(journal) + b"t6:TOP_UP" + ids(actor) + b"n0:n0:i1:0",
        b"t8:postings" + ids(journal, posting.id) + b"t4:POST" + ids(*accounts) + b"i1:5t3:USDn0:",
        b"t11:idempotency"
        + ids(journal, actor)
        + b"t4:"
        + key
        + b"b%d:" % len(request_hash)
        + request_hash
        + b"n0:i1:0",
    ]
    for entry in await database.fetch(entries):
        moment = b"%d" % ((entry.created_at - EPOCH) // timedelta(microseconds=1))
        about = ids(journal, entry.account_id) + b"i1:1n0:i1:5i1:0i1:5"
        rows.append(b"t7:entries" + about + b"i%d:" % len(moment) + moment)
    return rows


def test_every_column_is_sealed_or_follows_from_what_is() -> None:
    follow: dict[type[SQLModel], set[str]] = {
        Account: {"debits_posted", "credits_posted", "debits_pending", "credits_pending", "version", "revision"},
    }
    for table, row in blocks.SEALED.items():
        fields: tuple[str, ...] = row._fields  # type: ignore[attr-defined]
        assert set(table.model_fields) - set(fields) == follow.get(table, set())
    assert set(blocks.SEALED) == {Account, Journal, Posting, Entry, Idempotency}


# What verify finds


UNSEEN_BY_RULES = {
    "the kind of a journal": (update(Journal).values(kind="GIFT"), "journal"),
    "the reference of a journal": (update(Journal).values(reference="none"), "journal"),
    "the moment of an entry": (update(Entry).values(created_at=EPOCH), "journal"),
    "the hash of a request": (
        update(Idempotency).where(col(Idempotency.journal_id).is_not(None)).values(request_hash=b"other"),
        "journal",
    ),
    "the reason of a refusal": (
        update(Idempotency).where(col(Idempotency.refusal).is_not(None)).values(refusal="{}"),
        "request '",
    ),
    "the opening of an account": (update(Account).values(created_at=EPOCH), "account"),
}


@pytest.mark.parametrize("what", UNSEEN_BY_RULES)
async def test_names_what_was_altered_and_the_block(books: Books, backdoor: Backdoor, what: str) -> None:
    statement, named = UNSEEN_BY_RULES[what]
    await sealed(books)
    await unguard(backdoor)
    await backdoor.run(statement)
    assert (await check(books.database)).problems == [], "the rules alone do not see it"
    found = await problems(books.database)
    assert all(problem.startswith("Block 1: ") for problem in found)
    assert all(f"Block 1: {named}" in problem for problem in found[: seals.MOST_NAMED])


async def test_names_the_one_journal_that_was_altered(books: Books, backdoor: Backdoor) -> None:
    await sealed(books, 2)
    ada = new_id()
    receipt = await books.submit(top_up_of(ada, 5))
    await sealed(books, 2)
    await unguard(backdoor)
    await backdoor.run(update(Journal).where(col(Journal.id) == receipt.journal_id).values(kind="GIFT"))
    assert await problems(books.database) == [
        f"Block 3: journal {receipt.journal_id} is not what was sealed, or was not there."
    ]


async def test_names_a_journal_that_appeared_under_a_seal(books: Books) -> None:
    await sealed(books)
    ada = new_id()
    the_order = top_up_of(ada, 5, id=UUID(int=1 << 90))
    await books.submit(the_order)
    assert await problems(books.database) == [
        f"Block 1: journal {the_order.id} is not what was sealed, or was not there."
    ]


async def test_finds_what_is_gone(books: Books, backdoor: Backdoor) -> None:
    await sealed(books)
    await unguard(backdoor)
    await backdoor.run(delete(Idempotency).where(col(Idempotency.refusal).is_not(None)))
    assert await problems(books.database) == [
        "Block 1: of what was sealed, 2 journals, accounts or requests are not there."
    ]


async def test_finds_a_seal_that_is_gone_from_the_middle(books: Books, backdoor: Backdoor) -> None:
    await sealed(books, 3)
    await unguard(backdoor)
    await backdoor.run(delete(Seal).where(col(Seal.number) == 2))
    assert (await problems(books.database))[0] == "Block 2: its seal is missing."


async def test_a_forger_who_makes_the_altered_block_anew_is_found_at_the_next(books: Books, backdoor: Backdoor) -> None:
    await sealed(books, 2)
    await _forge(books, backdoor, 1)
    found = await problems(books.database)
    assert found == ["Block 2: its seal, or that of the block before, was altered."]


async def test_a_forger_who_makes_the_whole_chain_anew_is_found_by_the_head_that_was_kept(
    books: Books, backdoor: Backdoor
) -> None:
    await sealed(books, 2)
    last = await seals.last_seal(books.database)
    assert last is not None
    assert (await verify(books.database, kept=last.head)).problems == []
    await _forge(books, backdoor, 1)
    await _forge(books, backdoor, 2)
    assert await problems(books.database) == []
    assert (await verify(books.database, kept=last.head)).problems == [
        "Block 2: its hash is not the one that was kept."
    ]
    await backdoor.run(delete(Seal).where(col(Seal.number) == 2))
    assert await problems(books.database) == []
    assert (await verify(books.database, kept=last.head)).problems == [
        "Block 2: its hash was kept, and its seal is not there."
    ]


async def _forge(books: Books, backdoor: Backdoor, number: int) -> None:
    """Alters the references and makes one block's seal again."""
    await unguard(backdoor)
    before = None if number == 1 else await books.database.first(seals._seal, number=number - 1)
    stored = await books.database.first(seals._seal, number=number)
    assert stored is not None
    await backdoor.run(update(Journal).where(col(Journal.id) <= stored.last_journal_id).values(reference="forged"))
    forged = (await seals._block(books.database, before, stored.until, stored)).seal
    await backdoor.run(update(Seal).where(col(Seal.number) == number).values(hash=forged.hash, marks=forged.marks))


async def test_says_how_far_it_is(books: Books) -> None:
    await sealed(books, 2)
    told: list[tuple[str, int, int]] = []
    await verify(books.database, lambda *step: told.append(step))
    assert [done for _, done, _ in told] == list(range(len(told)))
    assert {total for _, _, total in told} == {len(told) - 1}


# The table


async def test_a_seal_is_never_changed(books: Books) -> None:
    await sealed(books)
    for change in (update(Seal).values(journal_count=1), delete(Seal)):
        with pytest.raises(ConstraintError, match="seals is append-only"):
            async with books.database.transaction() as transaction:
                await transaction.run(Command(change))


async def test_a_number_is_taken_once_and_a_block_holds_something(books: Books) -> None:
    await sealed(books)
    stored = await seals.last_seal(books.database)
    assert stored is not None
    put = Command(insert(Seal).values(stored._asdict()))
    with pytest.raises(UniqueError):
        async with books.database.transaction() as transaction:
            await transaction.run(put)
    for fault in ({"number": 0}, {"number": 2, "journal_count": 0}):
        with pytest.raises(ConstraintError, match="a_block_holds_something"):
            async with books.database.transaction() as transaction:
                await transaction.run(Command(insert(Seal).values({**stored._asdict(), **fault})))


async def test_the_ledger_goes_on_after_a_seal(books: Books, ledger: Ledger) -> None:
    await sealed(books)
    ada, bob = await books.people(2, 100)
    await ledger.submit(payment_of(ada, bob, 100))
    assert await seals.seal(books.database, NOW) == 1
    assert await problems(books.database) == []


# Heads


def test_a_head_is_read_as_it_is_written() -> None:
    head = Head(12, bytes(range(32)))
    assert Head.parse(str(head)) == head


@pytest.mark.parametrize("text", ["", "1", "1:", "1:00", f"x:{'00' * 32}", f"0:{'00' * 32}", f"1:{'0g' * 32}", "1:1:1"])
def test_refuses_what_is_no_head(text: str) -> None:
    with pytest.raises(InvalidHeadError):
        Head.parse(text)
