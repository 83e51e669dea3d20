"""Transfers: what is common to tips, payments and top-ups, and how money commands talk to the ledger."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select

import ledger
from ledger import BalanceRow, Draw, Line, Order, Receipt, Resolution, Write
from models.database import Query, any_of, insert_rows
from models.money import Currency, Money
from models.security import SecurityEventKind
from models.transfers import Rail, RailEnvironment, Transfer, TransferKind, TransferStatus, Visibility
from resolvers import inputs, risk, security
from resolvers.context import Context
from resolvers.errors import (
    IdempotencyConflictError,
    InputError,
    InsufficientFundsError,
    LimitExceededError,
    LimitState,
    Refused,
    RiskHoldError,
    UserError,
)
from resolvers.ids import Kind
from resolvers.inputs import Checks, MoneyAsked
from resolvers.prefetching import prefetched
from resolvers.users import UserRow, users_by_ids, users_or_none

AMOUNT = ("amount", "amount")
_NOTED: Mapping[type[UserError], SecurityEventKind] = {
    LimitExceededError: SecurityEventKind.LIMIT_REFUSED,
    RiskHoldError: SecurityEventKind.RISK_REFUSED,
}
FROZEN = RiskHoldError("The operator has frozen this account or this access token: no money moves by it.")


class TransferRow(NamedTuple):
    """A transfer, whichever kind it is. `amount` and `fee` are minor units of `currency`."""

    id: UUID
    kind: TransferKind
    sender_id: UUID | None
    recipient_id: UUID | None
    post_id: UUID | None
    amount: int
    fee: int
    refunded: int
    refund_of_id: UUID | None
    currency: Currency
    status: TransferStatus
    visibility: Visibility
    note: str | None
    rail: Rail | None
    environment: RailEnvironment | None
    network_code: str | None
    created_at: datetime


class Moved(NamedTuple):
    """The answer of a money command: the transfer that stands, and whether it stood before."""

    transfer: TransferRow
    replayed: bool
    left: tuple[BalanceRow, ...] = ()
    """The viewer's wallets as the transfer has left them; nothing of one that stood before."""


KINDS = {
    TransferKind.TIP: Kind.TIP,
    TransferKind.PAYMENT: Kind.PAYMENT,
    TransferKind.REFUND: Kind.REFUND,
    TransferKind.TOP_UP: Kind.TOP_UP,
    TransferKind.WITHDRAWAL: Kind.WITHDRAWAL,
}
COLUMNS = tuple(getattr(Transfer, name) for name in TransferRow._fields)

_by_ids = Query(TransferRow, select(*COLUMNS).where(any_of(Transfer.id)))
_insert = insert_rows(Transfer, TransferRow)


async def transfers_by_id(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, TransferRow]:
    """The transfers with these ids, whoever may see them."""
    rows = await ctx.database.fetch(_by_ids, keys=list(set(ids))) if ids else []
    return {row.id: row for row in rows}


@prefetched(TransferRow, "sender_id", users_by_ids)
async def senders_of(ctx: Context, transfers: list[TransferRow]) -> list[UserRow | None]:
    """Who sent each transfer; nobody where money came in over a rail."""
    return await users_or_none(ctx, [transfer.sender_id for transfer in transfers])


@prefetched(TransferRow, "recipient_id", users_by_ids)
async def recipients_of(ctx: Context, transfers: list[TransferRow]) -> list[UserRow | None]:
    """Who received each transfer."""
    return await users_or_none(ctx, [transfer.recipient_id for transfer in transfers])


def check_money(checks: Checks, asked: MoneyAsked, key: str, note: str | None) -> tuple[Money, str | None]:
    """Checks what every money command is given: the amount, the note, and the key under which it is remembered."""
    amount = checks.check(AMOUNT, inputs.money, asked)
    kept = checks.check(("note",), inputs.note, note)
    checks.check(("idempotencyKey",), inputs.idempotency_key, key)
    return amount, kept


def request_hash(operation: str, **given: Any) -> bytes:
    """What tells a retry from another request: the operation and its input, whatever is selected of the answer."""
    return hashlib.sha256(json.dumps([operation, given], sort_keys=True, default=str).encode()).digest()


class Request(NamedTuple):
    """A request for money to move: whose, and how it is known again."""

    actor_id: UUID
    key: str
    hash: bytes


async def recalled(ctx: Context, request: Request, refusal: UserError) -> Moved:
    """The answer to a retry of what has been answered, or, to a first try, Refused with `refusal`.

    What was posted stays answered, even if by now it would not be allowed.
    """
    receipt = await recall(ctx, request)
    if receipt is None:
        raise Refused(refusal)
    return await _moved(ctx, receipt)


async def recall(ctx: Context, request: Request) -> Receipt | None:
    """What became of a request that was posted; None for a first try. Raises Refused if it was refused."""
    try:
        return await ctx.app.ledger.recall(request.actor_id, request.key, request.hash)
    except ledger.LedgerError as error:
        raise _refused(error) from error


def order_of(
    request: Request,
    transfer: TransferRow,
    lines: tuple[Line, ...] = (),
    *,
    kind: str,
    resolutions: tuple[Resolution, ...] = (),
    draws: tuple[Draw, ...] = (),
    writes: tuple[Write, ...] = (),
    reverses_id: UUID | None = None,
    movers: tuple[UUID, ...] = (),
) -> Order:
    """The order that moves a transfer's money and writes its row, which each line of a wallet's statement needs."""
    return Order(
        id=transfer.id,
        kind=kind,
        actor_id=request.actor_id,
        key=request.key,
        request_hash=request.hash,
        created_at=transfer.created_at,
        lines=lines,
        resolutions=resolutions,
        draws=draws,
        writes=(as_write(transfer), *writes),
        reverses_id=reverses_id,
        movers=movers,
    )


async def post(
    ctx: Context,
    request: Request,
    transfer: TransferRow,
    lines: tuple[Line, ...],
    *,
    draws: tuple[Draw, ...] = (),
    writes: tuple[Write, ...] = (),
    reverses_id: UUID | None = None,
) -> Moved:
    """Posts the viewer's transfer with its row, its security event and `writes` in one transaction. Raises Refused."""
    assert ctx.viewer is not None, "somebody moves the money"
    event = ctx.event(SecurityEventKind.MONEY_MOVED, transfer.id, user_id=request.actor_id)
    writes = (security.as_write(event), *writes)
    order = order_of(
        request,
        transfer,
        lines,
        kind=transfer.kind,
        draws=draws,
        writes=writes,
        reverses_id=reverses_id,
        movers=ctx.viewer.movers,
    )
    receipt = await submit(ctx, order)
    return Moved(transfer, replayed=False, left=receipt.left) if not receipt.replayed else await _moved(ctx, receipt)


def as_write(transfer: TransferRow) -> Write:
    """What writes a transfer's row."""
    return Write(_insert, transfer)


async def submit(ctx: Context, order: Order) -> Receipt:
    """Has an order posted. Raises Refused, and notes that a limit, a freeze or a rule against abuse was in the way."""
    try:
        return await ctx.app.ledger.submit(order)
    except ledger.LedgerError as error:
        refused = _refused(error)
        for told in refused.errors if isinstance(refused, Refused) else ():
            if type(told) in _NOTED:
                ctx.note_refusal(_NOTED[type(told)], user_id=order.actor_id)
        raise refused from error


async def _moved(ctx: Context, receipt: Receipt) -> Moved:
    transfers = await transfers_by_id(ctx, [receipt.journal_id])
    return Moved(transfers[receipt.journal_id], replayed=True)


def _refused(error: ledger.LedgerError) -> Exception:
    """What a client is told of the ledger's refusal; an outage stays what it is."""
    match error:
        case ledger.InsufficientFundsError():
            message = "The balance is too low."
            told: UserError = InsufficientFundsError(
                message, AMOUNT, available=error.available, shortfall=error.shortfall
            )
        case ledger.LimitExceededError() if error.name in risk.MESSAGES:
            told = RiskHoldError(risk.MESSAGES[error.name])
        case ledger.LimitExceededError():
            limit = LimitState(error.name, error.max, error.used, error.resets_at)
            told = LimitExceededError("This would pass a limit.", AMOUNT, limit=limit)
        case ledger.FrozenError():
            told = FROZEN
        case ledger.IdempotencyConflictError():
            message = "This idempotency key was used before for another request."
            told = IdempotencyConflictError(message, ("idempotencyKey",), first_used_at=error.first_used_at)
        case ledger.TooLargeError():
            told = InputError("The amount is larger than an account can take.", AMOUNT)
        case _:
            return error
    return Refused(told)


def called(transfer: TransferRow) -> str:
    """What a statement calls a transfer. A refund without a recipient went back over a rail."""
    return "CHARGEBACK" if transfer.kind is TransferKind.REFUND and transfer.recipient_id is None else transfer.kind


def amount_of(transfer: TransferRow) -> Money:
    """What was moved, fee included."""
    return Money(transfer.amount, transfer.currency)


def fee_of(transfer: TransferRow) -> Money:
    """The house's share of the amount."""
    return Money(transfer.fee, transfer.currency)
