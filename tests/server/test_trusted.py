"""Trusted documents, as the operator names them."""

import json
from pathlib import Path
from typing import Any

import pytest

from execution.persisted import NotTrustedError, hash_of
from server.exits import WrongSettingError
from server.settings import Settings
from server.trusted import persisted, trusted_documents

QUERY, OTHER = "{ __typename }", "query Other { __typename }"

pytestmark = pytest.mark.usefixtures("nothing_set")


def test_a_folder_of_documents_is_known_by_the_hashes_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "a.graphql").write_text(QUERY)
    (tmp_path / "more" / "b.graphql").write_text(OTHER)
    (tmp_path / "notes.txt").write_text("nothing")
    assert trusted_documents(tmp_path) == {hash_of(QUERY): QUERY, hash_of(OTHER): OTHER}


@pytest.mark.parametrize(
    "content",
    [
        {hash_of(QUERY): QUERY},
        {
            "format": "apollo-persisted-query-manifest",
            "version": 1,
            "operations": [{"id": hash_of(QUERY), "body": QUERY, "name": "Q", "type": "query"}],
        },
    ],
)
def test_a_json_file_of_documents_is_taken_in_both_forms(tmp_path: Path, content: Any) -> None:
    (tmp_path / "documents.json").write_text(json.dumps(content))
    assert trusted_documents(tmp_path / "documents.json") == {hash_of(QUERY): QUERY}


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "null", "{", '{"abc": "{ a }"}', '{"abc": 1}', '{"operations": [{"id": "x"}]}']
)
def test_a_file_that_is_none_of_documents_is_told_in_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "documents.json"
    path.write_text(content)
    with pytest.raises(WrongSettingError, match="HATFUL_TRUSTED_DOCUMENTS") as caught:
        trusted_documents(path)
    assert "\n" not in str(caught.value)


def test_a_path_where_nothing_is_is_told_too(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(WrongSettingError, match="HATFUL_TRUSTED_DOCUMENTS"):
            trusted_documents(path)


def test_only_trusted_documents_need_some(tmp_path: Path) -> None:
    with pytest.raises(WrongSettingError, match="HATFUL_ONLY_TRUSTED_DOCUMENTS needs HATFUL_TRUSTED_DOCUMENTS"):
        persisted(Settings(only_trusted_documents=True))
    (tmp_path / "a.graphql").write_text(QUERY)
    known = persisted(Settings(trusted_documents=tmp_path, only_trusted_documents=True))
    assert known.text(None, hash_of(QUERY)) == QUERY
    with pytest.raises(NotTrustedError):
        known.text(OTHER, None)
