"""The rules of the books.

Each is one statement that finds what breaks it, from the postings up, with no trust in constraints, triggers or running
sums. A statement sees one moment, so rules can be checked while money moves, however long the books are; and anybody
can paste one into psql or sqlite3, with a number for `:most`.
"""

# ruff: noqa: S608 - what is put into the statements are constants of this house

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Integer, Text, bindparam, text

from ledger.balances import FLOORS, SIDES
from models.database import Query
from models.ledger import AccountCode
from models.types import Id


class Breach(NamedTuple):
    """Where a rule is broken. What the columns mean is said by the rule's sentence."""

    id: UUID | None
    other: UUID | None
    what: str | None
    value: str | None


class Rule(NamedTuple):
    """What holds, the sentence that says where it does not, and how to find out. `most` limits how much is found."""

    about: str
    sentence: str
    query: Query[Breach]


def _rule(about: str, sentence: str, sql: str) -> Rule:
    """A rule, and the sentence that says of a breach ({0} its id, {1} another id, {2} what, {3} a value) what it is."""
    breach = {"id": Id(), "other": Id(), "what": Text(), "value": Text()}
    statement = text(f"{sql} LIMIT :most").bindparams(bindparam("most", type_=Integer())).columns(**breach)
    return Rule(about, sentence, Query(Breach, statement))


def _account_kinds() -> str:
    """What a code says of its accounts, as SQL."""
    kinds = []
    for code in AccountCode:
        floor = FLOORS.get(code)
        same_floor = "floor IS NULL" if floor is None else f"floor IS NOT NULL AND floor = {floor}"
        kinds.append(f"(code = '{code}' AND normal_side = '{SIDES[code]}' AND {same_floor})")
    return " OR ".join(kinds)


# Sums are made in two halves, because on SQLite a sum beyond 64 bits is an error, and one altered row makes one.
_SUM = "SUM(sign * (amount / 4294967296)) * 4294967296 + SUM(sign * (amount % 4294967296))"

_POSTED = "phase IN ('POST', 'SETTLE')"

RULES = (
    _rule(
        "accounts hold what their postings say",
        "Account {0}: its {2} and its postings differ by {3}.",
        f"""
        WITH moves (account_id, what, sign, amount) AS (
            SELECT debit_account_id, 'debits_posted', 1, amount FROM postings WHERE {_POSTED}
            UNION ALL SELECT credit_account_id, 'credits_posted', 1, amount FROM postings WHERE {_POSTED}
            UNION ALL SELECT debit_account_id, 'debits_pending', 1, amount FROM postings WHERE phase = 'PEND'
            UNION ALL SELECT credit_account_id, 'credits_pending', 1, amount FROM postings WHERE phase = 'PEND'
            UNION ALL SELECT hold.debit_account_id, 'debits_pending', -1, hold.amount
                FROM postings JOIN postings AS hold ON hold.id = postings.pending_id
            UNION ALL SELECT hold.credit_account_id, 'credits_pending', -1, hold.amount
                FROM postings JOIN postings AS hold ON hold.id = postings.pending_id
            UNION ALL SELECT id, 'debits_posted', -1, debits_posted FROM accounts
            UNION ALL SELECT id, 'credits_posted', -1, credits_posted FROM accounts
            UNION ALL SELECT id, 'debits_pending', -1, debits_pending FROM accounts
            UNION ALL SELECT id, 'credits_pending', -1, credits_pending FROM accounts
        )
        SELECT account_id, NULL, what, CAST({_SUM} AS TEXT) FROM moves
        GROUP BY account_id, what HAVING {_SUM} <> 0
        """,
    ),
    _rule(
        "an account's last entry is its balance",
        "Account {0}: version {2} of its statement does not end with its balance, which is {3}.",
        """
        SELECT id, NULL, CAST(version AS TEXT), CAST(balance AS TEXT) FROM (
            SELECT id, accounts.version, balance_after, CASE normal_side
                WHEN 'CREDIT' THEN CAST(credits_posted AS NUMERIC) - debits_posted
                ELSE CAST(debits_posted AS NUMERIC) - credits_posted END AS balance
            FROM accounts LEFT JOIN entries ON account_id = id AND entries.version = accounts.version
        ) AS ends WHERE balance <> COALESCE(balance_after, 0) OR (balance_after IS NULL) <> (version = 0)
        """,
    ),
    _rule(
        "an account's version is the number of its entries",
        "Account {0}: its version is {3}, but its entries are {2}.",
        """
        SELECT id, NULL, CAST(COALESCE(lines, 0) AS TEXT), CAST(version AS TEXT)
        FROM accounts LEFT JOIN (
            SELECT account_id, count(*) AS lines FROM entries GROUP BY account_id
        ) AS statements ON account_id = id
        WHERE COALESCE(lines, 0) <> version
        """,
    ),
    _rule(
        "no account is under its floor",
        "Account {0}: it is under its floor of {3}, or one of its sums is negative.",
        """
        SELECT id, NULL, NULL, CAST(floor AS TEXT) FROM accounts
        WHERE debits_posted < 0 OR credits_posted < 0 OR debits_pending < 0 OR credits_pending < 0
            OR CASE normal_side
                WHEN 'CREDIT' THEN CAST(credits_posted AS NUMERIC) - debits_posted - debits_pending
                ELSE CAST(debits_posted AS NUMERIC) - credits_posted - credits_pending END < floor
        """,
    ),
    _rule(
        "accounts are as their codes say",
        "Account {0}: its side or its floor is not that of the code {2}.",
        f"""
        SELECT id, NULL, code, NULL FROM accounts WHERE NOT ({_account_kinds()})
        """,
    ),
    _rule(
        "debits are credits, in each currency",
        "All accounts in {2}: debits and credits differ by {3}.",
        f"""
        WITH sums (currency, phase, sign, amount) AS (
            SELECT currency, 'posted', 1, debits_posted FROM accounts
            UNION ALL SELECT currency, 'posted', -1, credits_posted FROM accounts
            UNION ALL SELECT currency, 'pending', 1, debits_pending FROM accounts
            UNION ALL SELECT currency, 'pending', -1, credits_pending FROM accounts
        )
        SELECT NULL, NULL, currency || ' ' || phase, CAST({_SUM} AS TEXT) FROM sums
        GROUP BY currency, phase HAVING {_SUM} <> 0
        """,
    ),
    _rule(
        "a journal has postings",
        "Journal {0}: it has no postings.",
        """
        SELECT journals.id, NULL, NULL, NULL
        FROM journals LEFT JOIN postings ON journal_id = journals.id WHERE journal_id IS NULL
        """,
    ),
    _rule(
        "a journal was asked for once",
        "Journal {0}: {2} requests stand for it, and not just the one of its actor at its moment.",
        """
        SELECT journals.id, NULL, CAST(count(journal_id) AS TEXT), NULL
        FROM journals LEFT JOIN idempotency ON journal_id = journals.id
        GROUP BY journals.id HAVING count(journal_id) <> 1 OR SUM(CASE
            WHEN idempotency.actor_id = journals.actor_id AND idempotency.created_at = journals.created_at THEN 1
            ELSE 0 END) <> 1
        """,
    ),
    _rule(
        "a request that was posted has its journal",
        "Request {2} of {0}: journal {1}, which it stands for, is not there, or it was refused and posted at once.",
        """
        SELECT idempotency.actor_id, journal_id, key, NULL
        FROM idempotency LEFT JOIN journals ON id = journal_id
        WHERE (id IS NULL AND journal_id IS NOT NULL) OR (journal_id IS NULL) = (refusal IS NULL)
        """,
    ),
    _rule(
        "what a journal takes back is there",
        "Journal {0}: it takes back journal {1}, which is not there or is itself.",
        """
        SELECT later.id, later.reverses_id, NULL, NULL
        FROM journals AS later LEFT JOIN journals AS earlier ON earlier.id = later.reverses_id
        WHERE later.reverses_id IS NOT NULL AND (earlier.id IS NULL OR earlier.id = later.id)
        """,
    ),
    _rule(
        "a posting belongs to a journal",
        "Posting {0}: its journal {1} is not there.",
        """
        SELECT postings.id, journal_id, NULL, NULL
        FROM postings LEFT JOIN journals ON journals.id = journal_id WHERE journals.id IS NULL
        """,
    ),
    _rule(
        "a posting moves money between two accounts of its currency",
        "Posting {0} of journal {1}: it does not move {3} between two accounts in {2}.",
        """
        SELECT postings.id, journal_id, postings.currency, CAST(amount AS TEXT)
        FROM postings
            LEFT JOIN accounts AS debited ON debited.id = debit_account_id
            LEFT JOIN accounts AS credited ON credited.id = credit_account_id
        WHERE amount <= 0 OR debit_account_id = credit_account_id
            OR debited.id IS NULL OR debited.currency <> postings.currency
            OR credited.id IS NULL OR credited.currency <> postings.currency
        """,
    ),
    _rule(
        "a hold is settled between its accounts for no more than was held, or given back whole",
        "Posting {0} of journal {1}: as {2} it does not fit the hold that it names.",
        """
        SELECT resolving.id, resolving.journal_id, resolving.phase, NULL
        FROM postings AS resolving LEFT JOIN postings AS hold ON hold.id = resolving.pending_id
        WHERE CASE
            WHEN resolving.phase IN ('POST', 'PEND') THEN resolving.pending_id IS NOT NULL
            WHEN resolving.phase IN ('SETTLE', 'VOID') THEN hold.id IS NULL OR hold.phase <> 'PEND'
                OR hold.debit_account_id <> resolving.debit_account_id
                OR hold.credit_account_id <> resolving.credit_account_id
                OR hold.currency <> resolving.currency OR hold.amount < resolving.amount
                OR (resolving.phase = 'VOID' AND hold.amount <> resolving.amount)
            ELSE TRUE END
        """,
    ),
    _rule(
        "a hold is resolved once",
        "Posting {0}: {2} postings resolve it.",
        """
        SELECT pending_id, NULL, CAST(count(*) AS TEXT), NULL
        FROM postings WHERE pending_id IS NOT NULL GROUP BY pending_id HAVING count(*) > 1
        """,
    ),
    _rule(
        "an entry belongs to an account and a journal",
        "Account {0}: its entry {2} belongs to journal {1}, and one of the two is not there.",
        """
        SELECT account_id, journal_id, CAST(entries.version AS TEXT), NULL
        FROM entries LEFT JOIN accounts ON accounts.id = account_id LEFT JOIN journals ON journals.id = journal_id
        WHERE accounts.id IS NULL OR journals.id IS NULL
        """,
    ),
    _rule(
        "entries chain from nothing, without gaps",
        "Account {0}: its entry {2} does not follow from the one before it.",
        """
        SELECT entries.account_id, NULL, CAST(entries.version AS TEXT), NULL
        FROM entries LEFT JOIN entries AS previous
            ON previous.account_id = entries.account_id AND previous.version = entries.version - 1
        WHERE entries.amount = 0
            OR CAST(entries.balance_before AS NUMERIC) + entries.amount <> entries.balance_after
            OR CASE
                WHEN entries.version = 1 THEN entries.previous_version IS NOT NULL OR entries.balance_before <> 0
                ELSE previous.version IS NULL OR previous.version < 1
                    OR previous.balance_after <> entries.balance_before
                    OR entries.previous_version IS NULL OR entries.previous_version <> previous.version END
        """,
    ),
    _rule(
        "no account was ever under its floor",
        "Account {0}: with its entry {2} it was at {3}, under its floor.",
        """
        SELECT account_id, NULL, CAST(entries.version AS TEXT), CAST(balance_after AS TEXT)
        FROM entries JOIN accounts ON id = account_id WHERE balance_after < floor
        """,
    ),
    _rule(
        "an entry is what its journal's postings did to its account",
        "Journal {1}: its postings and its entry differ by {3} on account {0}, or it has {2} entries there.",
        f"""
        WITH lines (journal_id, account_id, is_entry, sign, amount) AS (
            SELECT journal_id, credit_account_id, 0, 1, amount FROM postings WHERE {_POSTED}
            UNION ALL SELECT journal_id, debit_account_id, 0, -1, amount FROM postings WHERE {_POSTED}
            UNION ALL SELECT journal_id, account_id, 1, CASE normal_side WHEN 'CREDIT' THEN -1 ELSE 1 END, amount
                FROM entries LEFT JOIN accounts ON id = account_id
        )
        SELECT account_id, journal_id, CAST(SUM(is_entry) AS TEXT), CAST({_SUM} AS TEXT) FROM lines
        GROUP BY journal_id, account_id HAVING {_SUM} <> 0 OR SUM(is_entry) > 1
        """,
    ),
)
