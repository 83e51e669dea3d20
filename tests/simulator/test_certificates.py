"""Certificates of the simulator: a client that has read them goes on when the simulator was started again."""

from datetime import timedelta
from pathlib import Path

import pytest

from simulator import certificates


def test_they_stay_from_one_start_to_the_next(tmp_path: Path) -> None:
    before = [file.read_bytes() for file in certificates.kept(tmp_path)]
    assert [file.read_bytes() for file in certificates.kept(tmp_path)] == before


@pytest.mark.parametrize("name", certificates.Certificates._fields)
def test_where_one_is_missing_all_are_made_anew(tmp_path: Path, name: str) -> None:
    files = certificates.kept(tmp_path)
    before = [file.read_bytes() for file in files]
    getattr(files, name).unlink()
    assert not {file.read_bytes() for file in certificates.kept(tmp_path)} & set(before)


def test_what_is_no_certificate_is_made_anew(tmp_path: Path) -> None:
    files = certificates.kept(tmp_path)
    files.authority.write_text("nonsense")
    assert b"BEGIN CERTIFICATE" in certificates.kept(tmp_path).authority.read_bytes()


def test_those_that_end_soon_are_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "GOOD_FOR", certificates.AT_LEAST - timedelta(hours=1))
    before = certificates.kept(tmp_path).server.read_bytes()
    monkeypatch.undo()
    assert certificates.kept(tmp_path).server.read_bytes() != before
