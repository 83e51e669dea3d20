"""Documents that are known by their hash."""

import pytest

from execution import persisted
from execution.persisted import HashError, NotFoundError, NotTrustedError, Persisted, hash_of

QUERY, OTHER = "{ __typename }", "{ other }"
KEY, OTHER_KEY = hash_of(QUERY), hash_of(OTHER)


def test_the_hash_is_sha_256_of_the_text() -> None:
    assert KEY == "7f56e67dd21ab3f30d1ff8b7bed08893f0a0db86449836189b361dd1e56ddb4b"


def test_a_document_without_a_hash_is_taken_as_it_is() -> None:
    assert Persisted().text(QUERY, None) == QUERY


def test_a_hash_that_nobody_knows_is_told_as_clients_expect_it() -> None:
    with pytest.raises(NotFoundError) as caught:
        Persisted().text(None, KEY)
    assert caught.value.message == "PersistedQueryNotFound"
    assert caught.value.extensions == {"code": "PERSISTED_QUERY_NOT_FOUND"}


def test_a_document_that_was_sent_with_its_hash_is_known_by_it() -> None:
    known = Persisted()
    assert known.text(QUERY, KEY) == QUERY
    assert known.text(None, KEY) == QUERY
    with pytest.raises(NotFoundError):
        known.text(None, OTHER_KEY)


def test_a_document_without_its_hash_is_not_kept() -> None:
    known = Persisted()
    known.text(QUERY, None)
    with pytest.raises(NotFoundError):
        known.text(None, KEY)


def test_nobody_can_put_another_document_under_a_hash() -> None:
    known = Persisted()
    for _ in range(2):
        with pytest.raises(HashError):
            known.text(OTHER, KEY)
        with pytest.raises(NotFoundError):
            known.text(None, KEY)
        known.text(OTHER, OTHER_KEY)


def test_no_more_documents_are_kept_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persisted, "MAX_SENT", 2)
    known = Persisted()
    texts = [f"query Q{n} {{ __typename }}" for n in range(3)]
    for text in texts:
        known.text(text, hash_of(text))
    with pytest.raises(NotFoundError):
        known.text(None, hash_of(texts[0]))
    assert known.text(None, hash_of(texts[2])) == texts[2]


def test_a_trusted_document_is_known_from_the_beginning() -> None:
    assert Persisted({KEY: QUERY}).text(None, KEY) == QUERY
    assert Persisted({KEY: QUERY}).text(OTHER, None) == OTHER


def test_only_trusted_documents_are_taken_when_the_operator_says_so() -> None:
    known = Persisted({KEY: QUERY}, only_trusted=True)
    assert known.text(None, KEY) == QUERY
    assert known.text(QUERY, KEY) == QUERY
    assert known.text(QUERY, None) == QUERY
    for query, key in ((OTHER, None), (OTHER, OTHER_KEY), (None, OTHER_KEY)):
        with pytest.raises(NotTrustedError) as caught:
            known.text(query, key)
        assert caught.value.extensions == {"code": "DOCUMENT_NOT_TRUSTED"}
    with pytest.raises(HashError):
        known.text(OTHER, KEY)
