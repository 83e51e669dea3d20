"""Which rails of banks the settings ask for, and which settings are refused."""

from collections.abc import Callable
from typing import Any

import pytest

from models.transfers import RailEnvironment
from rails import RailAdapter, Secrets
from server.bank_rails import ach_rail, iso20022_rail
from server.exits import WrongSettingError
from server.settings import Settings, load
from tests.harness.banks import Numbers

pytestmark = pytest.mark.usefixtures("nothing_set")

ACH = {
    "ach_url": "http://127.0.0.1:1",
    "ach_token": "s3cret",
    "ach_bank": "091000019",
    "ach_company": "1234567890",
}
SEPA = {
    "sepa_url": "http://127.0.0.1:1",
    "sepa_token": "s3cret",
    "sepa_iban": "DE89370400440532013000",
    "sepa_bic": "COBADEFFXXX",
}
Made = Callable[[Settings, Secrets], RailAdapter | None]
RAILS = pytest.mark.parametrize(("made", "options"), [(ach_rail, ACH), (iso20022_rail, SEPA)])


@RAILS
async def test_without_an_address_there_is_no_bank(made: Made, options: dict[str, str]) -> None:
    without = {name: value for name, value in options.items() if not name.endswith("url")}
    assert made(load(**without), Numbers()) is None


@RAILS
@pytest.mark.parametrize("test", [True, False])
async def test_money_is_real_unless_somebody_says_that_it_is_not(
    made: Made, options: dict[str, str], test: bool
) -> None:
    more: dict[str, Any] = {"ach_test": test, "sepa_test": test}
    rail = made(load(**options, **more), Numbers())
    assert rail is not None
    assert rail.environment is (RailEnvironment.SANDBOX if test else RailEnvironment.LIVE)
    await rail.close()


@RAILS
async def test_what_a_bank_needs_is_asked_for(made: Made, options: dict[str, str]) -> None:
    for name in options:
        if not name.endswith("url"):
            without = {other: value for other, value in options.items() if other != name}
            with pytest.raises(WrongSettingError, match=f"HATFUL_{name.upper()}"):
                made(load(**without), Numbers())


@RAILS
@pytest.mark.parametrize("change", [{"ach_bank": "091000018", "sepa_iban": "DE88370400440532013000"}])
async def test_numbers_that_cannot_be_are_refused(made: Made, options: dict[str, str], change: dict[str, str]) -> None:
    with pytest.raises(WrongSettingError):
        made(load(**{**options, **change}), Numbers())


@pytest.mark.parametrize(
    ("name", "value"),
    [("ACH_URL", "sftp://u:s3cret@bank"), ("SEPA_URL", "s3cret"), ("ACH_COMPANY", "12"), ("ACH_BANK", "12")],
)
def test_what_looks_wrong_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"HATFUL_{name}", value)
    with pytest.raises(WrongSettingError, match=f"HATFUL_{name}") as refused:
        load()
    assert "s3cret" not in str(refused.value)


def test_settings_show_no_tokens() -> None:
    assert "s3cret" not in repr(load(**ACH, **SEPA))
