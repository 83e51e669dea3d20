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


def payout_clearing(currency: Currency) -> AccountName:
    """What the house owes the rails for money that has gone out."""
    return AccountName(HOUSE, AccountCode.PAYOUT_CLEARING, currency)


def bank_cash(currency: Currency) -> AccountName:
    """What the house has at its bank."""
    return AccountName(HOUSE, AccountCode.BANK_CASH, currency)


def receivable(owner_id: UUID, currency: Currency) -> AccountName:
    """What a person owes the house."""
    return AccountName(owner_id, AccountCode.RECEIVABLE, currency)


def suspense(owner_id: UUID, currency: Currency) -> AccountName:
    """What has come in for a person and is not theirs yet, or is to be sent back."""
    return AccountName(owner_id, AccountCode.SUSPENSE, currency)
