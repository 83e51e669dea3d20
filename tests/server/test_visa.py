"""What the operator says of Visa, in a file."""

from pathlib import Path

import pytest

from models.transfers import RailEnvironment
from rails import CardNumber
from server.exits import WrongSettingError
from server.settings import Settings
from server.visa import visa_rail, visa_settings
from simulator import certificates

AGREED = """
environment = "LIVE"
base_url = "https://api.visa.com"
user = "user"
password = "a-secret"
certificate = "client.pem"
key = "client.key"
acquiring_bin = 408999
country_code = 840
acceptor = { name = "Hatful", id_code = "HATFUL", terminal_id = "HF01", country = "USA" }
sender = { address = "1 Main Street", city = "Springfield", country = "USA" }
"""


class Nothing(dict[str, CardNumber]):
    """A vault with nothing in it."""

    async def reveal(self, token: str) -> CardNumber:
        return self[token]


def file(folder: Path, text: str = AGREED) -> Path:
    path = folder / "visa.toml"
    path.write_text(text)
    return path


def test_its_certificates_are_beside_the_file(tmp_path: Path) -> None:
    settings = visa_settings(file(tmp_path))
    assert (settings.certificate, settings.key) == (tmp_path / "client.pem", tmp_path / "client.key")
    assert settings.authority is None
    assert "a-secret" not in repr(settings)


async def test_without_a_file_nothing_goes_over_visa(tmp_path: Path) -> None:
    assert visa_rail(Settings(), Nothing()) is None
    certificates.kept(tmp_path)
    rail = visa_rail(Settings(visa=file(tmp_path)), Nothing())
    assert rail is not None
    assert rail.environment is RailEnvironment.LIVE
    await rail.close()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('environment = "LIVE"', "", "environment"),
        ('environment = "LIVE"', 'environment = "REAL"', "environment"),
        ("HF01", "TERMINAL-1", "acceptor.terminal_id"),
        ("acquiring_bin", "acquiring_bim", "acquiring_b"),
        ("= 840", "= ", "cannot be read"),
        ("a-secret", "a-secret", "certificates"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_what_is_wrong(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    with pytest.raises(WrongSettingError, match=f"HATFUL_VISA: .*{complaint}") as caught:
        visa_rail(Settings(visa=file(tmp_path, AGREED.replace(old, new))), Nothing())
    assert "visa.toml" in str(caught.value)
    assert "a-secret" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongSettingError, match=r"nowhere\.toml"):
        visa_settings(tmp_path / "nowhere.toml")
