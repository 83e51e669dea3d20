"""What the operator says of banks, in files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from models.transfers import RailEnvironment
from rails import RailAdapter, Secrets
from server.bank_rails import ach_rail, iso20022_rail
from server.exits import WrongSettingError
from server.settings import Settings
from tests.harness.banks import Numbers

ACH = """
environment = "LIVE"
exchange = { url = "https://files.bank.example", token = "a-secret" }
originator = { bank = "091000019", bank_name = "Bank", company = "1234567890", company_name = "Hatful" }
"""
SEPA = """
environment = "LIVE"
exchange = { url = "https://files.bank.example", token = "a-secret" }
name = "Hatful"
iban = "DE89 3704 0044 0532 0130 00"
bic = "COBADEFFXXX"
"""
Made = Callable[[Settings, Secrets], RailAdapter | None]


def settings(folder: Path, text: str) -> Settings:
    path = folder / "bank.toml"
    path.write_text(text)
    return Settings(ach=path, iso20022=path)


@pytest.mark.parametrize("made", [ach_rail, iso20022_rail])
def test_without_a_file_there_is_no_bank(made: Made) -> None:
    assert made(Settings(), Numbers()) is None


@pytest.mark.parametrize(("made", "text"), [(ach_rail, ACH), (iso20022_rail, SEPA)])
@pytest.mark.parametrize("environment", RailEnvironment)
async def test_the_file_says_whether_money_is_real(
    tmp_path: Path, made: Made, text: str, environment: RailEnvironment
) -> None:
    rail = made(settings(tmp_path, text.replace("LIVE", environment)), Numbers())
    assert rail is not None
    assert rail.environment is environment
    await rail.close()


@pytest.mark.parametrize(
    ("made", "text", "change", "complaint"),
    [
        (ach_rail, ACH, ('environment = "LIVE"', ""), "environment"),
        (ach_rail, ACH, ("LIVE", "REAL"), "environment"),
        (ach_rail, ACH, ("https", "sftp"), "exchange.url"),
        (ach_rail, ACH, (', token = "a-secret"', ""), "exchange.token"),
        (ach_rail, ACH, ("091000019", "091000018"), "the bank's routing number is wrong"),
        (ach_rail, ACH, ("1234567890", "12345"), "a company's id has ten letters and digits"),
        (ach_rail, ACH, ('company_name = "Hatful"', 'company_name = ""'), "the company and the bank have names"),
        (ach_rail, ACH, (', company_name = "Hatful"', ""), "originator.company_name"),
        (ach_rail, ACH, ("environment", "speed = 1\nenvironment"), "speed"),
        (ach_rail, ACH, ("environment", "good_after_days = 0\nenvironment"), "good_after_days"),
        (ach_rail, ACH, ("{", "["), "cannot be read"),
        (iso20022_rail, SEPA, ("DE89", "DE88"), "iban"),
        (iso20022_rail, SEPA, ("COBADEFFXXX", "COBA"), "bic"),
        (iso20022_rail, SEPA, ('name = "Hatful"', 'name = ""'), "name"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_is(
    tmp_path: Path, made: Made, text: str, change: tuple[str, str], complaint: str
) -> None:
    with pytest.raises(WrongSettingError) as refused:
        made(settings(tmp_path, text.replace(*change)), Numbers())
    assert complaint in str(refused.value)
    assert "a-secret" not in str(refused.value)


@pytest.mark.parametrize("made", [ach_rail, iso20022_rail])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, made: Made) -> None:
    path = tmp_path / "nowhere.toml"
    with pytest.raises(WrongSettingError, match=r"nowhere\.toml cannot be read"):
        made(Settings(ach=path, iso20022=path), Numbers())
