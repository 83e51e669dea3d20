"""Freezes: what a frozen account or access token can do no more, and what it still can."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from models.money import Currency, Money
from models.rails import IntentState, PayoutSpeed
from models.security import SecurityEventKind
from models.transfers import TransferStatus, Visibility
from resolvers import accounts, freezes, intents, refunds, security, tips, withdrawals
from resolvers.context import App, TokenScope
from resolvers.errors import RiskHoldError
from resolvers.freezes import Subject
from resolvers.ids import Kind, public_id
from tests.harness.tally import Tally, tally
from tests.harness.town import Person, Town, id_of, money, new_key, refusal


async def freezes_account(town: Town, person: Person) -> bool:
    return await freezes.freeze(town.stranger(), Subject(person.id, person.id), "It looks stolen.")


async def thaws_account(town: Town, person: Person) -> bool:
    return await freezes.thaw(town.stranger(), Subject(person.id, person.id))


async def kinds_of(person: Person) -> list[SecurityEventKind]:
    [page] = await security.security_events_of(person.ctx(), [person.as_viewer])
    return [edge.node.kind for edge in page.edges]


async def test_a_frozen_account_moves_no_money_in_any_way(town: Town) -> None:
    ada, ben = await town.people("ada", "ben", dollars="100")
    got, post = await ben.sends(ada, "5"), await ben.post()
    await freezes_account(town, ada)
    back = refunds.refund_transfer(ada.ctx(), public_id(Kind.PAYMENT, got.transfer.id), None, key=new_key())
    for tried in (ada.tips(post), ada.sends(ben), back, ada.tops_up("1"), ada.withdraws("1")):
        assert isinstance(await refusal(tried), RiskHoldError)
    assert await ada.has() == "105.00"
    preview = await tips.tip_preview(ada.ctx(), id_of(post), money("1"))
    assert [type(error) for error in preview.user_errors] == [RiskHoldError]


async def test_it_reads_posts_and_is_paid_as_before(town: Town) -> None:
    ada, ben = await town.people("ada", "ben", dollars="100")
    await freezes_account(town, ada)
    await ben.tips(await ada.post(), "5")
    assert await ada.has() == "105.00"


async def test_once_thawed_it_moves_money_again(town: Town) -> None:
    ada, ben = await town.people("ada", "ben", dollars="100")
    assert await freezes_account(town, ada)
    assert not await freezes_account(town, ada)
    await refusal(ada.sends(ben))
    assert await thaws_account(town, ada)
    assert not await thaws_account(town, ada)
    await ada.sends(ben)
    assert await freezes_account(town, ada)
    await refusal(ada.sends(ben))


async def test_its_owner_reads_of_freeze_and_thaw_in_the_log(town: Town) -> None:
    ada = await town.person("ada", "100")
    await freezes_account(town, ada)
    ctx = ada.ctx()
    post = await (await town.person("ben")).post()
    await refusal(tips.tip_post(ctx, id_of(post), money("1"), note=None, visibility=Visibility.PUBLIC, key=new_key()))
    assert [event.kind for event in ctx.refusals] == [SecurityEventKind.RISK_REFUSED]
    await thaws_account(town, ada)
    assert (await kinds_of(ada))[:2] == [SecurityEventKind.ACCOUNT_THAWED, SecurityEventKind.ACCOUNT_FROZEN]


async def test_a_frozen_token_moves_no_money_while_its_owner_and_other_tokens_do(town: Town) -> None:
    ada, ben = await town.newcomer("ada"), await town.person("ben")
    await ada.tops_up("100")
    made = [await accounts.create_access_token(ada.ctx(), "An app", [TokenScope.PAY], None, None) for _ in range(2)]
    frozen, other = [Person(ada.app, ada.id, "ada", await accounts.authenticate(ada.app, new.secret)) for new in made]
    subject = await freezes.subject_named(town.stranger(), public_id(Kind.TOKEN, made[0].token.id))
    assert subject == Subject(made[0].token.id, ada.id)
    await frozen.sends(ben)
    await freezes.freeze(town.stranger(), subject, "It leaked.")
    for tried in (frozen.sends(ben), frozen.tops_up("1")):
        assert isinstance(await refusal(tried), RiskHoldError)
    await other.sends(ben)
    await ada.sends(ben)
    await freezes.thaw(town.stranger(), subject)
    await frozen.sends(ben)
    kinds = await kinds_of(ada)
    assert {SecurityEventKind.TOKEN_FROZEN, SecurityEventKind.TOKEN_THAWED} <= set(kinds)


async def test_handles_and_ids_of_tokens_name_what_is_frozen(town: Town) -> None:
    ctx, ada = town.stranger(), await town.person("ada")
    assert await freezes.subject_named(ctx, "ada") == Subject(ada.id, ada.id)
    assert await freezes.subject_named(ctx, "nobody") is None
    assert await freezes.subject_named(ctx, public_id(Kind.TOKEN, ada.id)) is None
    assert await freezes.subject_named(ctx, public_id(Kind.USER, ada.id)) is None


async def test_what_is_frozen_is_listed_by_the_name_that_thaws_it(town: Town) -> None:
    ctx, ada, ben = town.stranger(), await town.person("ada"), await town.person("ben")
    made = await accounts.create_access_token(ben.ctx(), "An app", [TokenScope.PAY], None, None)
    token = public_id(Kind.TOKEN, made.token.id)
    for name in ("ada", token):
        subject = await freezes.subject_named(ctx, name)
        assert subject is not None
        await freezes.freeze(ctx, subject, f"because of {name}")
    found = await freezes.freezes_that_hold(ctx)
    assert [(one.name, one.handle, one.reason) for one in found] == [
        ("ada", "ada", "because of ada"),
        (token, "ben", f"because of {token}"),
    ]
    await thaws_account(town, ada)
    assert [one.name for one in await freezes.freezes_that_hold(ctx)] == [token]


async def test_what_waits_to_leave_waits_on_until_the_account_is_thawed(town: Town, app: App) -> None:
    ada = await town.person("ada", "100")
    moved = await ada.withdraws("40", speed=PayoutSpeed.STANDARD)
    await freezes_account(town, ada)
    after = datetime.now(UTC) + withdrawals.STANDARD_WAIT
    for _ in range(3):
        after += timedelta(minutes=10)
        await _works(app, after)
    assert await tally(app, ada.id) == Tally(U=60, H=40, C=100)
    await thaws_account(town, ada)
    await _works(app, after + timedelta(minutes=10))
    assert await tally(app, ada.id) == Tally(U=60, C=60)
    [state] = (await intents.intents_by_id(app, [moved.transfer.id])).values()
    assert state.state is IntentState.APPROVED


async def test_what_waits_to_leave_can_be_cancelled_meanwhile(town: Town, app: App) -> None:
    ada = await town.person("ada", "100")
    moved = await ada.withdraws("40", speed=PayoutSpeed.STANDARD)
    await freezes_account(town, ada)
    await _works(app, datetime.now(UTC) + timedelta(hours=1))
    back = await withdrawals.cancel_withdrawal(ada.ctx(), public_id(Kind.WITHDRAWAL, moved.transfer.id))
    assert back.status is TransferStatus.REVERSED
    assert await tally(app, ada.id) == Tally(U=100, C=100)


async def test_a_top_up_that_was_not_sent_yet_is_not_sent(
    town: Town, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was taken up, and before it was sent the account was frozen."""
    ada = await town.person("ada")
    seen = intents.see_to

    async def frozen_first(*given: object) -> None:
        await freezes_account(town, ada)
        await seen(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(intents, "see_to", frozen_first)
    await refusal(ada.tops_up("100"))
    assert await tally(app, ada.id) == Tally()


async def test_without_money_limits_a_freeze_holds_too(app: App) -> None:
    town = Town(replace(app, policy=replace(app.policy, money_limits=False)))
    ada, ben = await town.people("ada", "ben", dollars="100")
    await freezes_account(town, ada)
    assert isinstance(await refusal(ada.sends(ben)), RiskHoldError)
    assert isinstance(
        await refusal(ada.limited(*TokenScope, spend_limit=Money(5, Currency.USD)).sends(ben)), RiskHoldError
    )


async def test_a_client_sees_why(town: Town) -> None:
    ada, ben = await town.people("ada", "ben", dollars="100")
    await freezes_account(town, ada)
    answer = await town.ask(
        """mutation ($post: ID!) { tipPost(input: { postId: $post, amount: { amount: "1" }, idempotencyKey: "k" }) {
            tip { id } userErrors { __typename ... on UserError { code } } } }""",
        ada,
        post=id_of(await ben.post()),
    )
    assert answer.data["tipPost"] == {
        "tip": None,
        "userErrors": [{"__typename": "RiskHoldError", "code": "RISK_HOLD"}],
    }


async def _works(app: App, now: datetime) -> None:
    while (taken := await intents.take(app, now)) is not None:
        await intents.see_to(app, taken, lambda: now)
