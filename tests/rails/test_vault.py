"""The vault: what it keeps, for whom, for how long, and under which key."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from models.database import Database
from rails import AccountNumber, CardNumber, Vault, numbers
from rails.numbers import Card
from rails.vault import LIFETIME, Kept, NoKeyError, new_key
from tests.harness.audits import contents, everything_stored
from tests.harness.backdoor import Backdoor

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ADA, EVE = UUID(int=1), UUID(int=2)
ACCOUNT = AccountNumber("110000000", "000123456789")
FIRST, SECOND = new_key(), new_key()


def card(number: str = "4242424242424242", expires: str = "08/2030") -> Card:
    return numbers.card(number, expires, NOW)


@pytest.fixture
def vault(database: Database) -> Vault:
    return Vault(database, [FIRST])


async def test_a_number_comes_back_for_its_token(vault: Vault) -> None:
    kept = await vault.keep_card(ADA, card(), NOW)
    assert kept == Kept(kept.token, "Visa", "4242", "08/2030", kept.fingerprint)
    assert await vault.reveal(kept.token) == CardNumber("4242424242424242", "08/2030")
    account = await vault.keep_account(ADA, ACCOUNT, NOW)
    assert account == Kept(account.token, "", "6789", None, account.fingerprint)
    assert await vault.reveal(account.token) == ACCOUNT


async def test_the_database_holds_no_number(vault: Vault, backdoor: Backdoor) -> None:
    await vault.keep_card(ADA, card(), NOW)
    await vault.keep_account(ADA, ACCOUNT, NOW)
    stored = await everything_stored(backdoor)
    assert "6789" in stored
    assert [secret for secret in ("42424242", *ACCOUNT) if secret in stored] == []


async def test_every_token_is_another_and_unguessable(vault: Vault) -> None:
    tokens = {(await vault.keep_card(ADA, card(), NOW)).token for _ in range(20)}
    assert len(tokens) == 20
    assert {len(token) for token in tokens} == {len("vault_") + 43}


@pytest.mark.parametrize("token", ["", "vault_", "\x00", "\ud800", "vault_" + "a" * 43, "x" * 100_000])
async def test_what_is_no_token_is_nothing(vault: Vault, token: str) -> None:
    assert await vault.claim(ADA, token, NOW) is None


async def test_an_unknown_token_reveals_nothing(vault: Vault) -> None:
    with pytest.raises(KeyError):
        await vault.reveal("vault_" + "a" * 43)


async def test_a_token_is_claimed_once(vault: Vault) -> None:
    kept = await vault.keep_card(ADA, card(), NOW)
    assert await vault.claim(ADA, kept.token, NOW) == kept
    assert await vault.claim(ADA, kept.token, NOW) is None
    assert await vault.reveal(kept.token)


async def test_a_token_that_could_not_be_linked_is_claimed_again(vault: Vault) -> None:
    kept = await vault.keep_card(ADA, card(), NOW)
    await vault.claim(ADA, kept.token, NOW)
    await vault.release(kept.token)
    assert await vault.claim(ADA, kept.token, NOW) == kept


async def test_a_token_is_good_for_whoever_brought_the_number_alone(vault: Vault) -> None:
    kept = await vault.keep_card(ADA, card(), NOW)
    assert await vault.claim(EVE, kept.token, NOW) is None
    assert await vault.claim(ADA, kept.token, NOW) == kept


async def test_a_token_is_good_for_an_hour(vault: Vault) -> None:
    kept = await vault.keep_card(ADA, card(), NOW)
    assert await vault.claim(ADA, kept.token, NOW + LIFETIME) is None
    assert await vault.claim(ADA, kept.token, NOW + LIFETIME - timedelta(microseconds=1)) == kept


async def test_what_nobody_has_linked_within_an_hour_is_forgotten(vault: Vault, backdoor: Backdoor) -> None:
    old, linked = [await vault.keep_card(ADA, card(), NOW) for _ in range(2)]
    new = await vault.keep_card(ADA, card(), NOW + timedelta(minutes=1))
    await vault.claim(ADA, linked.token, NOW)
    assert await vault.forget_unclaimed(NOW + LIFETIME) == 1
    left = {row[0] for row in await backdoor.fetch("SELECT token FROM vault")}
    assert left == {linked.token, new.token}
    with pytest.raises(KeyError):
        await vault.reveal(old.token)


async def test_what_is_forgotten_is_gone(vault: Vault, backdoor: Backdoor) -> None:
    kept = await vault.keep_card(ADA, card(), NOW)
    await vault.forget(kept.token)
    await vault.forget(kept.token)
    assert (await contents(backdoor))["vault"] == []


async def test_equal_numbers_have_equal_fingerprints_and_others_have_others(vault: Vault) -> None:
    one = await vault.keep_card(ADA, card(), NOW)
    again = await vault.keep_card(EVE, card("4242 4242 4242 4242", "09/31"), NOW)
    other = await vault.keep_card(ADA, card("5555555555554444"), NOW)
    account = await vault.keep_account(ADA, ACCOUNT, NOW)
    moved = await vault.keep_account(ADA, AccountNumber("021000021", ACCOUNT.number), NOW)
    assert one.fingerprint == again.fingerprint
    assert len({kept.fingerprint for kept in (one, other, account, moved)}) == 4


async def test_every_vault_makes_fingerprints_of_its_own(database: Database, backdoor: Backdoor) -> None:
    one = await Vault(database, [FIRST]).keep_card(ADA, card(), NOW)
    await backdoor.fetch("DELETE FROM vault_keys")
    assert (await Vault(database, [FIRST]).keep_card(ADA, card(), NOW)).fingerprint != one.fingerprint


async def test_a_new_key_leaves_numbers_and_fingerprints_as_they_are(database: Database, vault: Vault) -> None:
    before = [await vault.keep_card(ADA, card(), NOW), await vault.keep_account(ADA, ACCOUNT, NOW)]
    both = Vault(database, [SECOND, FIRST])
    assert await both.reveal(before[0].token) == card().secret
    assert await both.rotate() == 2
    new = Vault(database, [SECOND])
    assert await new.reveal(before[0].token) == card().secret
    assert await new.reveal(before[1].token) == ACCOUNT
    assert (await new.keep_card(ADA, card(), NOW)).fingerprint == before[0].fingerprint
    with pytest.raises(NoKeyError):
        await vault.reveal(before[0].token)


async def test_all_of_many_numbers_are_sealed_anew(
    database: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = [(await vault.keep_card(ADA, card(), NOW)).token for _ in range(501)]
    assert await Vault(database, [SECOND, FIRST]).rotate() == 501
    new = Vault(database, [SECOND])
    for token in tokens:
        assert await new.reveal(token) == card().secret


async def test_a_missing_key_is_told_and_changes_nothing(database: Database, vault: Vault, backdoor: Backdoor) -> None:
    await vault.keep_card(ADA, card(), NOW)
    before = await contents(backdoor)
    other = Vault(database, [SECOND])
    for attempt in (other.check(), other.rotate(), other.keep_card(ADA, card(), NOW)):
        with pytest.raises(NoKeyError, match="a key that is not among those"):
            await attempt
    assert await contents(backdoor) == before


async def test_a_ciphertext_in_another_row_opens_nothing(vault: Vault, backdoor: Backdoor) -> None:
    mine = await vault.keep_card(ADA, card(), NOW)
    theirs = await vault.keep_card(EVE, card("5555555555554444"), NOW)
    await backdoor.fetch(
        f"UPDATE vault SET ciphertext = (SELECT ciphertext FROM vault WHERE token = '{theirs.token}')"
        f" WHERE token = '{mine.token}'"
    )
    with pytest.raises(NoKeyError):
        await vault.reveal(mine.token)


async def test_an_altered_ciphertext_opens_nothing(vault: Vault, backdoor: Backdoor) -> None:
    kept = await vault.keep_card(ADA, card(), NOW)
    await backdoor.fetch("UPDATE vault SET ciphertext = substr(ciphertext, 1, 60) || 'AAAA' || substr(ciphertext, 65)")
    with pytest.raises(NoKeyError):
        await vault.reveal(kept.token)


@pytest.mark.parametrize("keys", [[], ["x"], [FIRST, ""]])
async def test_what_is_no_key_is_refused(database: Database, keys: list[str]) -> None:
    with pytest.raises(ValueError, match="Fernet"):
        Vault(database, keys)
