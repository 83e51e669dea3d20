"""Bank accounts: linking them, and showing by two deposits whose they are."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from models.funding import SourceKind
from models.money import Currency
from models.security import SecurityEventKind
from models.transfers import Rail
from rails import LinkRefusedError, Rails, UnreachableError
from resolvers import funding, linking
from resolvers.context import Context
from resolvers.errors import InputError, NetworkUnavailableError, NotFoundError, NotPermittedError, Refused
from resolvers.linking import MOST_A_DAY, SANDBOX_DEPOSITS
from tests.harness.audits import contents
from tests.harness.backdoor import Backdoor
from tests.harness.networks import (
    ACCOUNT,
    IBAN,
    OTHER_ACCOUNT,
    ROUTING,
    Chooses,
    Networks,
    Vaulted,
    events,
    id_of,
    linked_account,
    sources,
    verify,
)
from tests.harness.town import Person, Town, refusal


async def test_a_bank_account_is_linked_and_has_to_be_verified(town: Town, vaulted: Vaulted) -> None:
    ada = await town.person("ada")
    bank = await linked_account(ada)
    assert (bank.kind, bank.rail, bank.verified) == (SourceKind.BANK_ACCOUNT, Rail.SANDBOX, False)
    assert (bank.label, bank.brand, bank.last4, bank.expires) == ("Bank account …6789", None, "6789", None)
    verified = await verify(ada, bank, *SANDBOX_DEPOSITS)
    assert verified == bank._replace(verified=True)
    assert await sources(ada) == [verified]
    assert await vaulted.tokens() == set()
    assert (await events(ada))[:2] == [
        SecurityEventKind.BANK_ACCOUNT_VERIFIED,
        SecurityEventKind.BANK_ACCOUNT_LINKED,
    ]


@pytest.mark.parametrize(
    ("routing", "number", "path"),
    [
        ("110000001", ACCOUNT, "routingNumber"),
        (ROUTING, "12", "accountNumber"),
        ("", ACCOUNT, "accountNumber"),
        (ROUTING, "000999999991", "accountNumber"),  # could be somebody's
        ("", IBAN, "accountNumber"),
    ],
)
async def test_a_bank_account_that_cannot_be_is_not_linked(
    town: Town, backdoor: Backdoor, routing: str, number: str, path: str
) -> None:
    ada = await town.person("ada")
    before = await contents(backdoor)
    error = await refusal(linking.link_bank_account(ada.ctx(), routing, number))
    assert isinstance(error, InputError)
    assert (error.path, number in error.message) == ((path,), False)
    assert await contents(backdoor) == before


async def test_two_amounts_that_nobody_knows_are_sent_to_a_real_account(networks: Networks, backdoor: Backdoor) -> None:
    people = await networks.town.people("ada", "ben", "cem", "dia", "eve", "fay", "gus", "hal")
    for person in people:
        await linked_account(person)
        if len(networks.banks.asked) % MOST_A_DAY == 0:
            await backdoor.fetch("UPDATE funding_sources SET fingerprint = NULL")
    sent = [asked.deposits for asked in networks.banks.asked]
    amounts = [amount for deposits in sent if deposits for amount in deposits]
    assert len(amounts) == 2 * len(people)
    assert all(1 <= amount.minor_units <= 99 and amount.currency is Currency.USD for amount in amounts)
    assert len(set(sent)) > 1
    assert {asked.number for asked in networks.banks.asked} == {ACCOUNT}
    assert await backdoor.fetch("SELECT count(*) FROM micro_deposits") == [(len(people),)]


async def test_an_account_with_an_iban_gets_euros(networks: Networks) -> None:
    ada = await networks.town.person("ada")
    bank = await linking.link_bank_account(ada.ctx(), "", "de89 3704 0044 0532 0130 00")
    [asked] = networks.banks.asked
    assert asked.number == IBAN
    assert asked.deposits is not None
    assert {amount.currency for amount in asked.deposits} == {Currency.EUR}
    found = await verify(ada, bank, *(amount.minor_units for amount in reversed(asked.deposits)))
    assert found.verified


async def test_an_account_that_is_linked_twice_is_one_and_gets_no_more_money(networks: Networks) -> None:
    ada = await networks.town.person("ada")
    bank = await linked_account(ada)
    assert await linked_account(ada) == bank
    assert len(networks.banks.asked) == 1


async def test_amounts_count_in_any_order(town: Town) -> None:
    ada = await town.person("ada")
    assert (await verify(ada, await linked_account(ada), *reversed(SANDBOX_DEPOSITS))).verified


async def test_what_is_verified_stays_so(town: Town, backdoor: Backdoor) -> None:
    ada = await town.person("ada")
    bank = await verify(ada, await linked_account(ada), *SANDBOX_DEPOSITS)
    before = await contents(backdoor)
    for amounts in ((1, 2), SANDBOX_DEPOSITS, ()):
        assert await verify(ada, bank, *amounts) == bank
    assert await contents(backdoor) == before


@pytest.mark.parametrize("amounts", [(), (32,), (32, 45, 1), (0, 45), (32, 100), (-32, 45), (2**31 - 1, 1)])
async def test_what_cannot_be_the_amounts_counts_as_no_try(
    town: Town, backdoor: Backdoor, amounts: tuple[int, ...]
) -> None:
    ada = await town.person("ada")
    bank = await linked_account(ada)
    before = await contents(backdoor)
    error = await refusal(verify(ada, bank, *amounts))
    assert isinstance(error, InputError)
    assert error.path == ("depositMinorUnits",)
    assert await contents(backdoor) == before


async def test_after_three_wrong_tries_an_account_is_removed(town: Town) -> None:
    ada = await town.person("ada")
    bank = await linked_account(ada)
    for left in ("2 tries", "one try"):
        error = await refusal(verify(ada, bank, 32, 46))
        assert isinstance(error, InputError)
        assert left in error.message
    assert isinstance(await refusal(verify(ada, bank, 45, 45)), NotPermittedError)
    assert await sources(ada) == []
    assert isinstance(await refusal(verify(ada, bank, *SANDBOX_DEPOSITS)), NotFoundError)
    found = await events(ada)
    assert found[0] is SecurityEventKind.SOURCE_REMOVED
    assert found.count(SecurityEventKind.BANK_ACCOUNT_REFUSED) == 3


async def test_many_tries_at_once_are_three(town: Town, backdoor: Backdoor) -> None:
    ada = await town.person("ada")
    bank = await linked_account(ada)
    tries = [verify(ada, bank, 1, amount) for amount in range(1, 21)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert all(isinstance(outcome, Exception) for outcome in outcomes)
    assert await backdoor.fetch("SELECT tries FROM micro_deposits") == [(3,)]
    assert await sources(ada) == []


async def test_whoever_collects_deposits_is_stopped(networks: Networks) -> None:
    ada, ben = await networks.town.people("ada", "ben")
    for _ in range(MOST_A_DAY):
        await funding.remove_funding_source(ada.ctx(), id_of(await linked_account(ada)))
    assert isinstance(await refusal(linked_account(ada, OTHER_ACCOUNT)), NotPermittedError)
    assert isinstance(await refusal(linked_account(ben)), NotPermittedError)  # nor helps another account of one's own
    assert await linked_account(ben, OTHER_ACCOUNT)
    assert len(networks.banks.asked) == MOST_A_DAY + 1


async def test_limits_on_linking_begin_anew_the_next_day(networks: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await networks.town.person("ada")
    for _ in range(MOST_A_DAY):
        await funding.remove_funding_source(ada.ctx(), id_of(await linked_account(ada)))
    later = ada.ctx().now() + linking.DAY + timedelta(minutes=1)
    monkeypatch.setattr(Context, "now", lambda _: later)
    assert await linked_account(ada)


# Where the network chooses the amounts


@pytest.fixture
def choosing(networks: Networks) -> tuple[Town, Chooses]:
    vault = networks.banks.vault
    banks = Chooses(Rail.STRIPE, vault)
    rails = Rails({**networks.app.rails.adapters, Rail.STRIPE: banks}, Rail.VISA_DIRECT, Rail.STRIPE, vault)
    return Town(replace(networks.app, rails=rails)), banks


async def test_whose_network_chooses_the_amounts_is_asked_about_them(
    choosing: tuple[Town, Chooses], backdoor: Backdoor
) -> None:
    town, banks = choosing
    ada = await town.person("ada")
    bank = await linked_account(ada)
    assert [asked.deposits for asked in banks.asked] == [None]
    error = await refusal(verify(ada, bank, 32, 45))
    assert isinstance(error, InputError)
    assert "2 tries" in error.message
    assert (await verify(ada, bank, 9, 7)).verified
    assert banks.tried == [(32, 45), (9, 7)]
    assert await backdoor.fetch("SELECT first, second FROM micro_deposits") == [(None, None)]
    assert (await events(ada))[:2] == [SecurityEventKind.BANK_ACCOUNT_VERIFIED, SecurityEventKind.BANK_ACCOUNT_REFUSED]


async def test_many_tries_at_once_are_three_for_a_network_too(choosing: tuple[Town, Chooses]) -> None:
    town, banks = choosing
    ada = await town.person("ada")
    bank = await linked_account(ada)
    tries = [verify(ada, bank, 1, amount) for amount in range(1, 21)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert all(isinstance(outcome, Refused) for outcome in outcomes)
    assert len(banks.tried) == 3
    assert await sources(ada) == []


async def test_whoever_cannot_reach_the_network_has_not_tried(choosing: tuple[Town, Chooses]) -> None:
    town, banks = choosing
    ada = await town.person("ada")
    bank = await linked_account(ada)
    banks.failure = UnreachableError("no connection")
    for _ in range(4):
        with pytest.raises(NetworkUnavailableError):
            await verify(ada, bank, 7, 9)
    banks.failure = None
    assert (await verify(ada, bank, 7, 9)).verified


async def test_an_account_of_which_the_network_takes_no_more_tries_is_removed(choosing: tuple[Town, Chooses]) -> None:
    town, banks = choosing
    ada = await town.person("ada")
    bank = await linked_account(ada)
    banks.failure = LinkRefusedError("There were too many.")
    assert isinstance(await refusal(verify(ada, bank, 7, 9)), NotPermittedError)
    assert await sources(ada) == []


async def test_nobody_waits_while_a_network_is_asked_about_amounts(choosing: tuple[Town, Chooses]) -> None:
    town, banks = choosing
    ada = await town.person("ada")
    bank = await linked_account(ada)
    banks.meanwhile = lambda: town.person("ben")
    async with asyncio.timeout(60):
        assert (await verify(ada, bank, 7, 9)).verified


async def test_an_account_whose_rail_is_gone_is_not_judged(choosing: tuple[Town, Chooses]) -> None:
    town, _ = choosing
    ada = await town.person("ada")
    bank = await linked_account(ada)
    without = Person(replace(town.app, rails=Rails()), ada.id, ada.handle, ada.viewer)
    with pytest.raises(NetworkUnavailableError):
        await verify(without, bank, 7, 9)
    assert (await verify(ada, bank, 7, 9)).verified
