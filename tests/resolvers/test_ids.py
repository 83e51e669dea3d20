"""Public ids: what they are of, and which one."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.errors import BadInputError
from resolvers.ids import Kind, NodeId, key_of, parse_id, public_id, require_id

KEY = UUID("0199abcd-ef01-7000-8000-00000000abcd")
keys = st.uuids()
kinds = st.sampled_from([kind for kind in Kind if kind is not Kind.ENTRY])


@given(kinds, keys)
def test_an_id_says_what_it_is_of(kind: Kind, key: UUID) -> None:
    written = public_id(kind, key)
    assert parse_id(written) == NodeId(kind, key)
    assert key_of(written, kind) == key
    assert key_of(written, *(other for other in Kind if other is not kind)) is None


@given(keys, st.integers(1, 10**18 - 1))
def test_an_entrys_id_holds_its_version(key: UUID, version: int) -> None:
    assert parse_id(f"{public_id(Kind.ENTRY, key)}_{version}") == NodeId(Kind.ENTRY, key, version)


@given(st.text(), st.sampled_from(["", "post_", "entry_", f"post_{KEY.hex}", f"entry_{KEY.hex}_"]))
def test_any_text_is_an_id_or_none_and_no_two_are_the_same(text: str, start: str) -> None:
    found = parse_id(start + text)
    if found is None:
        with pytest.raises(BadInputError):
            require_id(start + text)
    else:
        assert require_id(start + text) == found
        version = f"_{found.version}" if found.kind is Kind.ENTRY else ""
        assert public_id(found.kind, found.id) + version == start + text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "_",
        "post",
        "post_",
        "post_1",
        KEY.hex,
        str(KEY),
        f"post_{KEY}",
        f"post_{KEY.hex.upper()}",
        f"POST_{KEY.hex}",
        f"post_{KEY.hex}0",
        f"post_{KEY.hex[:-1]}",
        f"post_{KEY.hex}_",
        f"post_{KEY.hex}_1",
        f"entry_{KEY.hex}",
        f"entry_{KEY.hex}_",
        f"entry_{KEY.hex}_-1",
        f"entry_{KEY.hex}_0",
        f"entry_{KEY.hex}_01",
        f"entry_{KEY.hex}_1_1",
        f"entry_{KEY.hex}_²",
        f"entry_{KEY.hex}_٣",
        f"entry_{KEY.hex}_9999999999999999999",
        f"nothing_{KEY.hex}",
        f" post_{KEY.hex}",
        f"post_{KEY.hex}\n",
        f"post_{KEY.hex[:-1]}\x00",
        f"post_{KEY.hex[:-1]}\ud800",
    ],
)
def test_what_only_looks_like_an_id_is_none(text: str) -> None:
    assert parse_id(text) is None
    assert key_of(text, *Kind) is None


def test_the_refusal_of_a_long_text_does_not_repeat_all_of_it() -> None:
    with pytest.raises(BadInputError) as refused:
        require_id("x" * 100_000)
    assert len(str(refused.value)) < 200
