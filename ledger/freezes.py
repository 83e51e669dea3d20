"""What has to happen in the ledger for a freeze, or its end, to be known at once."""

from random import getrandbits
from uuid import UUID

from ledger import statements as sql
from ledger.balances import REVISION_BITS
from models.database import Transaction


async def recheck(transaction: Transaction, owner_id: UUID) -> None:
    """Has every process look again at what it knows of an owner, before it next moves their money.

    What was to be known must have been committed before. Once this transaction is committed too, no order goes by what
    was known earlier: the owner's accounts have other revisions, or were opened since, and whoever meets an account for
    the first time looks afresh at its owner.
    """
    accounts = await transaction.fetch(sql.accounts_of_owners, keys=[owner_id])
    # In the order in which everybody locks them.
    await transaction.fetch(sql.locked_revisions, keys=[account.id for account in accounts], owners=[])
    await transaction.run(sql.change_revisions, owner=owner_id, another_revision=getrandbits(REVISION_BITS))
