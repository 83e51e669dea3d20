"""The accounts between which the kinds move money."""

from uuid import UUID

from ledger.orders import AccountName
from models.ids import HOUSE
from models.ledger import AccountCode
from models.money import Currency


def wallet(owner_id: UUID, currency: Currency) -> AccountName:
    """What the house owes a person."""
    return AccountName(owner_id, AccountCode.WALLET, currency)


def fee_income(currency: Currency) -> AccountName:
    """What the house has earned."""
    return AccountName(HOUSE, AccountCode.FEE_INCOME, currency)


def rail_clearing(currency: Currency) -> AccountName:
    """What the rails owe the house for money that has come in."""
    return AccountName(HOUSE, AccountCode.RAIL_CLEARING, currency)
