"""What top-ups and withdrawals have in common: a transfer that a network outside has a part in."""

import asyncio
import json
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from ledger import Draw, Line, Order
from models.money import Money
from models.rails import Direction, IntentState, PayoutSpeed
from models.security import SecurityEventKind
from models.transfers import TransferKind, Visibility
from resolvers import intents, limits, permissions, risk, security, transfers
from resolvers.context import Context, Viewer
from resolvers.errors import InputError, RailDeclinedError, Refused
from resolvers.funding import FundingSourceRow
from resolvers.inputs import Checks, MoneyAsked
from resolvers.intents import LEASE, MESSAGE, RETRYABLE, Taken
from resolvers.outcomes import IntentRow, Step
from resolvers.transfers import Moved, Request, TransferRow

WAIT_SECONDS = 10.0
"""How long a request waits for a network. What takes longer goes on without it."""


class Asked(NamedTuple):
    """Money that is to come in or to go out over a rail."""

    source: FundingSourceRow
    amount: Money
    direction: Direction
    speed: PayoutSpeed


class Checked(NamedTuple):
    """Who asks for it, the request, and how much it is about."""

    viewer: Viewer
    request: Request
    amount: Money


def checked(ctx: Context, operation: str, asked: MoneyAsked, key: str, **given: object) -> Checked:
    """The request of an account's holder, with all that is `given` in its hash. Raises Refused for a wrong amount."""
    viewer = permissions.account_holder(ctx)
    checks = Checks()
    amount, _ = transfers.check_money(checks, asked, key, None)
    checks.done()
    request = Request(viewer.user_id, key, transfers.request_hash(operation, **given, amount=amount))
    return Checked(viewer, request, amount)


async def open_transfer(
    ctx: Context,
    request: Request,
    asked: Asked,
    *,
    kind: str,
    hold_id: UUID,
    lines: tuple[Line, ...],
    draws: tuple[Draw, ...],
    wait: timedelta | None = None,
) -> Moved:
    """Writes the hold, the transfer and the intent in one transaction, and asks the network, unless it is to wait.

    The viewer moves the money. Raises Refused, also when the rail cannot do it, or the network declines at once.
    """
    assert ctx.viewer is not None, "somebody moves the money"
    _check_capable(ctx, asked)
    draws = await risk.watched(ctx, ctx.viewer, asked.direction, asked.amount, draws)
    now = ctx.now()
    intent = IntentRow(
        id=ctx.new_id(),
        opened_by=ctx.new_id(),
        owner_id=request.actor_id,
        source_id=asked.source.id,
        direction=asked.direction,
        speed=asked.speed,
        rail=asked.source.rail,
        environment=ctx.app.rails.adapters[asked.source.rail].environment,
        amount=asked.amount.minor_units,
        currency=asked.amount.currency,
        # Who opens it takes it up at once, which nobody else can before it is there.
        state=IntentState.SUBMITTING if wait is None else IntentState.CREATED,
        hold_id=hold_id,
        moved=0,
        suspended=0,
        trace=0,  # it gets one as it is written
        network_ref=None,
        network_code=None,
        facts="{}",
        turn=1 if wait is None else 0,
        asked=1 if wait is None else 0,
        due_at=now + (wait or LEASE),
        created_at=now,
        submitted_at=now if wait is None else None,
        reversed_at=None,
        settled_at=None,
        returned=False,
        drawn_in=limits.bucket_of(draws, asked.direction),
    )
    event = ctx.event(SecurityEventKind.MONEY_MOVED, intent.id, user_id=request.actor_id)
    order = Order(
        id=intent.opened_by,
        kind=kind,
        actor_id=request.actor_id,
        key=request.key,
        request_hash=request.hash,
        created_at=now,
        lines=lines,
        draws=draws,
        writes=(
            security.as_write(event),
            transfers.as_write(_transfer_of(intent)),
            intents.as_write(intent),
        ),
        movers=ctx.viewer.movers,
    )
    receipt = await transfers.submit(ctx, order)
    if receipt.replayed:
        return await _opened_by(ctx, receipt.journal_id)
    if wait is None:
        [written] = (await intents.intents_by_id(ctx.app, [intent.id])).values()
        await _waited(ctx, Taken(written, Step.SUBMIT))
    return await _moved(ctx, intent.id, replayed=False)


async def recalled(ctx: Context, request: Request) -> Moved | None:
    """The answer to a retry: how the transfer stands by now; None for a first try.

    Raises Refused if it was refused, or if the network has declined it.
    """
    receipt = await transfers.recall(ctx, request)
    return None if receipt is None else await _opened_by(ctx, receipt.journal_id)


async def _opened_by(ctx: Context, journal_id: UUID) -> Moved:
    intent = await intents.intent_opened_by(ctx.app, journal_id)
    return await _moved(ctx, intent.id, replayed=True)


async def _waited(ctx: Context, taken: Taken) -> None:
    """Asks the network. A caller who goes away, or waits for too long, ends nothing."""
    task = asyncio.create_task(intents.see_to(ctx.app, taken, ctx.now))
    ctx.app.under_way.add(task)
    task.add_done_callback(ctx.app.under_way.discard)
    done, _ = await asyncio.wait([task], timeout=WAIT_SECONDS)
    for finished in done:
        finished.result()


async def _moved(ctx: Context, intent_id: UUID, *, replayed: bool) -> Moved:
    intent = (await intents.intents_by_id(ctx.app, [intent_id]))[intent_id]
    if intent.state is IntentState.DECLINED:
        facts = json.loads(intent.facts)
        raise Refused(
            RailDeclinedError(
                facts.get(MESSAGE, "The network did not take this."),
                rail=intent.rail,
                network_code=intent.network_code,
                retryable=facts.get(RETRYABLE) == "yes",
            )
        )
    found = await transfers.transfers_by_id(ctx, [intent_id])
    return Moved(found[intent_id], replayed)


def _transfer_of(intent: IntentRow) -> TransferRow:
    pulls = intent.direction is Direction.PULL
    return TransferRow(
        id=intent.id,
        kind=TransferKind.TOP_UP if pulls else TransferKind.WITHDRAWAL,
        sender_id=None if pulls else intent.owner_id,
        recipient_id=intent.owner_id if pulls else None,
        post_id=None,
        amount=intent.amount,
        fee=0,
        refunded=0,
        refund_of_id=None,
        currency=intent.currency,
        status=intents.status_of(intent),
        visibility=Visibility.PARTIES_ONLY,
        note=None,
        rail=intent.rail,
        environment=intent.environment,
        network_code=None,
        created_at=intent.created_at,
    )


def _check_capable(ctx: Context, asked: Asked) -> None:
    """Raises Refused if the source's rail cannot do what is asked of it."""
    adapter = ctx.app.rails.adapters.get(asked.source.rail)
    if adapter is None:
        raise Refused(InputError("This source cannot be used at the moment.", ("fundingSourceId",)))
    capabilities = adapter.capabilities
    kinds = capabilities.pulls if asked.direction is Direction.PULL else capabilities.pushes
    if asked.source.kind not in kinds:
        way = "drawn from" if asked.direction is Direction.PULL else "sent to"
        raise Refused(InputError(f"Money cannot be {way} this source.", ("fundingSourceId",)))
    if asked.amount.currency not in capabilities.currencies:
        raise Refused(InputError(f"This source does not take {asked.amount.currency}.", ("amount", "currency")))
    if asked.direction is Direction.PUSH and asked.speed not in capabilities.speeds:
        raise Refused(InputError(f"Money cannot be sent to this source as {asked.speed}.", ("speed",)))
    if not asked.source.verified:
        raise Refused(InputError("Verify this account first.", ("fundingSourceId",)))
