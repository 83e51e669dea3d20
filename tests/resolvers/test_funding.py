"""Cards: keeping their numbers, linking and removing them, and each refusal."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import insert

from ledger import Ledger
from models.database import Database
from models.funding import SourceKind
from models.ids import new_id
from models.money import Currency
from models.rails import Direction, IntentState, PayoutSpeed, RailIntent
from models.security import SecurityEventKind
from models.transfers import Rail, RailEnvironment
from rails import CardNumber, LinkRefusedError, UnreachableError, Vault, sandbox, sandbox_rails
from rails.vault import LIFETIME, new_key
from resolvers import funding, linking, nodes, top_ups
from resolvers.context import App, Context, Policy, TokenScope
from resolvers.errors import (
    InputError,
    NetworkUnavailableError,
    NotFoundError,
    NotPermittedError,
    SignInRequiredError,
)
from resolvers.funding import FundingSourceRow
from resolvers.ids import Kind, public_id
from resolvers.linking import MOST_A_DAY, SANDBOX_DEPOSITS
from tests.harness.audits import contents
from tests.harness.backdoor import Backdoor
from tests.harness.networks import (
    ACCOUNT,
    EXPIRES,
    MASTERCARD,
    OTHER_ACCOUNT,
    ROUTING,
    VISA,
    Networks,
    Vaulted,
    events,
    id_of,
    linked_account,
    linked_card,
    sources,
    token_of,
    verify,
)
from tests.harness.town import Person, Town, money, refusal
from tests.harness.town import new_key as new_request

# Keeping a card's number


async def test_a_card_is_kept_for_its_token(town: Town) -> None:
    ada = await town.person("ada")
    kept = await linking.keep_card(ada.ctx(), "4242 4242 4242 4242", "08/30", "123")
    assert (kept.brand, kept.last4, kept.expires) == ("Visa", "4242", "08/2030")


@pytest.mark.parametrize(
    ("number", "expires", "cvv", "field"),
    [
        ("4242424242424241", EXPIRES, None, "number"),
        ("", EXPIRES, None, "number"),
        (VISA, "08/2020", None, "expires"),
        (VISA, "", None, "expires"),
        (VISA, EXPIRES, "12", "cvv"),
    ],
)
async def test_a_card_that_cannot_be_is_not_kept(
    town: Town, vaulted: Vaulted, *, number: str, expires: str, cvv: str | None, field: str
) -> None:
    ada = await town.person("ada")
    error = await refusal(linking.keep_card(ada.ctx(), number, expires, cvv))
    assert isinstance(error, InputError)
    assert error.path == (field,)
    assert await vaulted.tokens() == set()


@pytest.mark.parametrize("number", ["4111111111111111", "378282246310005"])
async def test_the_sandbox_keeps_no_number_but_those_for_tests(town: Town, vaulted: Vaulted, number: str) -> None:
    ada = await town.person("ada")
    error = await refusal(linking.keep_card(ada.ctx(), number, EXPIRES, None))
    assert isinstance(error, InputError)
    assert (error.path, "for tests" in error.message, number in error.message) == (("number",), True, False)
    assert await vaulted.tokens() == set()


async def test_what_is_kept_of_a_card_is_its_number_and_its_expiry_without_the_security_code(
    app: App, backdoor: Backdoor
) -> None:
    key = new_key()
    app = replace(app, rails=sandbox_rails(Vault(app.database, [key])))
    kept = await linking.keep_card((await Town(app).person("ada")).ctx(), VISA, EXPIRES, "9173")
    [(ciphertext, *rest)] = await backdoor.fetch("SELECT ciphertext, brand, last4, expires, claimed_at FROM vault")
    assert json.loads(Fernet(key).decrypt(ciphertext)) == ["CardNumber", kept.token, VISA, EXPIRES]
    assert rest == ["Visa", "4242", EXPIRES, None]


# Linking cards


async def test_a_card_is_linked_by_its_token(town: Town, vaulted: Vaulted) -> None:
    ada = await town.person("ada")
    card = await linked_card(ada)
    assert (card.kind, card.rail, card.verified) == (SourceKind.CARD, Rail.SANDBOX, True)
    assert (card.label, card.brand, card.last4, card.expires) == ("Visa …4242", "Visa", "4242", EXPIRES)
    assert await sources(ada) == [card]
    assert (await events(ada))[0] is SecurityEventKind.CARD_LINKED
    assert await vaulted.tokens() == set()  # the sandbox knows it by another name


async def test_a_token_links_once(town: Town) -> None:
    ada = await town.person("ada")
    token = await token_of(ada)
    await linking.link_card(ada.ctx(), token)
    error = await refusal(linking.link_card(ada.ctx(), token))
    assert isinstance(error, InputError)
    assert error.path == ("vaultToken",)


async def test_of_many_who_link_a_token_at_once_one_does(town: Town) -> None:
    ada = await town.person("ada")
    token = await token_of(ada)
    tries = [linking.link_card(ada.ctx(), token) for _ in range(6)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert len([outcome for outcome in outcomes if isinstance(outcome, FundingSourceRow)]) == 1
    assert len(await sources(ada)) == 1


@pytest.mark.parametrize("token", ["", "x", "\x00", "\ud800", "vault_" + "a" * 43])
async def test_an_unknown_token_links_nothing(town: Town, backdoor: Backdoor, token: str) -> None:
    ada = await town.person("ada")
    before = await contents(backdoor)
    assert isinstance(await refusal(linking.link_card(ada.ctx(), token)), InputError)
    assert await contents(backdoor) == before


async def test_nobody_links_anothers_card(town: Town) -> None:
    ada, eve = await town.people("ada", "eve")
    token = await token_of(ada)
    assert isinstance(await refusal(linking.link_card(eve.ctx(), token)), InputError)
    assert await sources(eve) == []
    assert await linking.link_card(ada.ctx(), token)


async def test_a_token_is_good_for_an_hour(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await town.person("ada")
    token = await token_of(ada)
    later = ada.ctx().now() + LIFETIME + timedelta(seconds=1)
    monkeypatch.setattr(Context, "now", lambda _: later)
    assert isinstance(await refusal(linking.link_card(ada.ctx(), token)), InputError)


async def test_a_card_that_is_linked_twice_is_one(town: Town, vaulted: Vaulted) -> None:
    ada, ben = await town.people("ada", "ben")
    card = await linked_card(ada)
    assert await linked_card(ada) == card
    assert await sources(ada) == [card]
    assert (await events(ada)).count(SecurityEventKind.CARD_LINKED) == 1
    assert (await linked_card(ben)).id != card.id
    assert await vaulted.tokens() == set()


async def test_a_card_that_is_linked_twice_at_once_is_one(networks: Networks, vaulted: Vaulted) -> None:
    ada = await networks.town.person("ada")
    tokens = [await token_of(ada) for _ in range(4)]
    cards = await asyncio.gather(*(linking.link_card(ada.ctx(), token) for token in tokens))
    assert len({card.id for card in cards}) == 1
    assert await sources(ada) == [cards[0]]
    assert await vaulted.tokens() == {cards[0].reference}


async def test_a_card_that_was_renewed_takes_the_old_ones_place(town: Town) -> None:
    ada = await town.person("ada")
    old, new = await linked_card(ada), await linked_card(ada, expires="09/2034")
    assert (new.id != old.id, new.expires) == (True, "09/2034")
    assert await sources(ada) == [new]


async def test_a_removed_card_is_linked_anew(town: Town) -> None:
    ada = await town.person("ada")
    old = await linked_card(ada)
    await funding.remove_funding_source(ada.ctx(), id_of(old))
    new = await linked_card(ada)
    assert new.id != old.id
    assert await sources(ada) == [new]


async def test_a_number_stays_in_the_vault_if_its_network_needs_it(networks: Networks, vaulted: Vaulted) -> None:
    ada = await networks.town.person("ada")
    card = await linked_card(ada, "4111111111111111")
    [asked] = networks.cards.asked
    assert (asked.number, asked.source.holder, asked.source.id) == ("4111111111111111", "Ada", card.id)
    assert card.reference == asked.source.reference
    assert await vaulted.tokens() == {card.reference}
    assert card.reference is not None
    revealed = await networks.cards.vault.reveal(card.reference)
    assert revealed == CardNumber("4111111111111111", EXPIRES)


async def test_what_a_network_refuses_is_forgotten(networks: Networks, vaulted: Vaulted) -> None:
    ada = await networks.town.person("ada")
    networks.cards.failure = LinkRefusedError("This card takes no money.")
    error = await refusal(linked_card(ada))
    assert error == InputError("This card takes no money.", ("vaultToken",))
    assert (await sources(ada), await vaulted.tokens()) == ([], set())


async def test_while_a_network_cannot_be_reached_the_token_stays_good(networks: Networks) -> None:
    ada = await networks.town.person("ada")
    token = await token_of(ada)
    networks.cards.failure = UnreachableError("gone")
    with pytest.raises(NetworkUnavailableError):
        await linking.link_card(ada.ctx(), token)
    assert await sources(ada) == []
    networks.cards.failure = None
    assert await linking.link_card(ada.ctx(), token)


async def test_what_fails_unexpectedly_leaves_no_number(networks: Networks, vaulted: Vaulted) -> None:
    ada = await networks.town.person("ada")
    networks.cards.failure = RuntimeError("a fault")
    with pytest.raises(RuntimeError):
        await linked_card(ada)
    assert (await sources(ada), await vaulted.tokens()) == ([], set())


async def test_many_cards_a_day_are_too_many(networks: Networks, vaulted: Vaulted) -> None:
    ada = await networks.town.person("ada")
    many = list(sandbox.CARDS)[: MOST_A_DAY + 1]
    for number in many[:MOST_A_DAY]:
        await linked_card(ada, number)
    assert isinstance(await refusal(linked_card(ada, many[-1])), NotPermittedError)
    assert len(await sources(ada)) == len(await vaulted.tokens()) == MOST_A_DAY
    assert await linked_card(ada, many[0])  # is there already
    free = Person(replace(networks.app, policy=Policy(money_limits=False)), ada.id, ada.handle)
    assert await linked_card(free, many[-1])


# Using and removing


async def test_an_account_that_is_not_verified_gives_no_money(town: Town) -> None:
    ada = await town.person("ada")
    bank = await linked_account(ada)
    draw = top_ups.top_up_wallet(ada.ctx(), id_of(bank), money("5"), key=new_request())
    assert isinstance(await refusal(draw), InputError)
    await verify(ada, bank, *SANDBOX_DEPOSITS)
    await top_ups.top_up_wallet(ada.ctx(), id_of(bank), money("5"), key=new_request())
    assert await ada.has() == "5.00"


async def test_a_removed_card_is_not_listed_and_gives_no_money(town: Town) -> None:
    ada = await town.person("ada")
    card = await linked_card(ada)
    removed = await funding.remove_funding_source(ada.ctx(), id_of(card))
    assert removed.removed_at is not None
    assert await sources(ada) == []
    draw = top_ups.top_up_wallet(ada.ctx(), id_of(card), money("5"), key=new_request())
    assert isinstance(await refusal(draw), NotFoundError)
    assert isinstance(await refusal(funding.remove_funding_source(ada.ctx(), id_of(card))), NotFoundError)
    assert await nodes.node(ada.ctx(), id_of(card)) == removed
    assert (await events(ada))[0] is SecurityEventKind.SOURCE_REMOVED


async def test_the_card_that_an_account_is_born_with_can_go_too(town: Town) -> None:
    ada = await town.person("ada")
    [born] = await funding.sources_of_user(ada.ctx(), ada.id)
    await funding.remove_funding_source(ada.ctx(), id_of(born))
    draw = top_ups.top_up_wallet(ada.ctx(), None, money("5"), key=new_request())
    assert isinstance(await refusal(draw), NotFoundError)


async def test_nobody_verifies_removes_or_sees_anothers(town: Town, backdoor: Backdoor) -> None:
    ada, eve = await town.people("ada", "eve")
    card, bank = await linked_card(ada), await linked_account(ada)
    before = await contents(backdoor)
    wrong = [id_of(card), id_of(bank), public_id(Kind.CARD, new_id()), "", "\x00", eve.public_id]
    wrong += [public_id(Kind.BANK_ACCOUNT, card.id), public_id(Kind.CARD, bank.id)]
    answers = {await refusal(funding.remove_funding_source(eve.ctx(), key)) for key in wrong}
    answers |= {await refusal(linking.verify_bank_account(eve.ctx(), key, [32, 45])) for key in wrong}
    answers |= {await refusal(funding.remove_funding_source(ada.ctx(), key)) for key in wrong[2:]}
    answers |= {await refusal(linking.verify_bank_account(ada.ctx(), id_of(card), [32, 45]))}
    assert len(answers) == 1
    assert await nodes.nodes(eve.ctx(), [id_of(card), id_of(bank)]) == [None, None]
    assert await nodes.nodes(ada.ctx(), wrong[-2:]) == [None, None]
    assert await contents(backdoor) == before


async def test_all_of_it_needs_a_session(town: Town, backdoor: Backdoor) -> None:
    ada = await town.person("ada")
    token, bank = await token_of(ada), await linked_account(ada)
    before = await contents(backdoor)
    limited, stranger = ada.limited(*TokenScope), town.stranger()
    for ctx in (limited.ctx(), stranger):
        attempts = [
            linking.keep_card(ctx, VISA, EXPIRES, None),
            linking.link_card(ctx, token),
            linking.link_bank_account(ctx, ROUTING, OTHER_ACCOUNT),
            linking.verify_bank_account(ctx, id_of(bank), list(SANDBOX_DEPOSITS)),
            funding.remove_funding_source(ctx, id_of(bank)),
        ]
        for attempt in attempts:
            if ctx is stranger:
                with pytest.raises(SignInRequiredError):
                    await attempt
            else:
                assert isinstance(await refusal(attempt), NotPermittedError)
    assert await contents(backdoor) == before


async def test_without_a_vault_nothing_is_linked(database: Database, ledger: Ledger, backdoor: Backdoor) -> None:
    ada = await Town(App(database, ledger)).person("ada")
    before = await contents(backdoor)
    for attempt in (
        linking.keep_card(ada.ctx(), VISA, EXPIRES, None),
        linking.link_card(ada.ctx(), "vault_" + "a" * 43),
        linking.link_bank_account(ada.ctx(), ROUTING, ACCOUNT),
    ):
        error = await refusal(attempt)
        assert isinstance(error, NotPermittedError)
        assert "operator" in error.message
    assert await contents(backdoor) == before


# Forgetting


async def open_intent(backdoor: Backdoor, source: FundingSourceRow, state: IntentState) -> None:
    values = {
        "id": new_id(),
        "opened_by": new_id(),
        "owner_id": source.user_id,
        "source_id": source.id,
        "direction": Direction.PUSH,
        "speed": PayoutSpeed.INSTANT,
        "rail": source.rail,
        "environment": RailEnvironment.LIVE,
        "amount": 100,
        "currency": Currency.USD,
        "state": state,
        "moved": 0,
        "trace": 1,
        "facts": "{}",
        "asked": 0,
        "suspended": 0,
        "turn": 0,
        "returned": False,
        "created_at": datetime.now(UTC),
    }
    await backdoor.run(insert(RailIntent).values(**values))


async def test_a_removed_source_is_forgotten_by_its_network_and_the_vault(networks: Networks, vaulted: Vaulted) -> None:
    ada = await networks.town.person("ada")
    card, other = await linked_card(ada), await linked_card(ada, MASTERCARD)
    await funding.remove_funding_source(ada.ctx(), id_of(card))
    assert await vaulted.tokens() == {card.reference, other.reference}
    assert await funding.forget_removed(networks.app) == 1
    assert networks.cards.forgotten == [card.reference]
    assert await vaulted.tokens() == {other.reference}
    assert await funding.forget_removed(networks.app) == 0


async def test_a_removed_source_is_not_forgotten_while_its_network_cannot_be_reached(
    networks: Networks, vaulted: Vaulted
) -> None:
    ada = await networks.town.person("ada")
    card = await linked_card(ada)
    await funding.remove_funding_source(ada.ctx(), id_of(card))
    networks.cards.failure = UnreachableError("gone")
    assert await funding.forget_removed(networks.app) == 0
    assert await vaulted.tokens() == {card.reference}
    networks.cards.failure = None
    assert await funding.forget_removed(networks.app) == 1


@pytest.mark.parametrize(
    ("state", "forgotten"),
    [
        (IntentState.CREATED, 0),
        (IntentState.SUBMITTING, 0),
        (IntentState.UNKNOWN, 0),
        (IntentState.APPROVED, 0),
        (IntentState.SETTLED, 1),
        (IntentState.DECLINED, 1),
        (IntentState.CANCELLED, 1),
    ],
)
async def test_a_removed_source_is_remembered_while_money_is_under_way_over_it(
    networks: Networks, backdoor: Backdoor, state: IntentState, forgotten: int
) -> None:
    ada = await networks.town.person("ada")
    card = await linked_card(ada)
    await open_intent(backdoor, card, state)
    await funding.remove_funding_source(ada.ctx(), id_of(card))
    assert await funding.forget_removed(networks.app) == forgotten
