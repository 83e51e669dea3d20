"""NACHA files, read by a reader of other people and by the simulated bank's."""

from datetime import UTC, date, datetime

import achkit  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rails.nacha import Batch, Class, Code, Entry, NachaError, Originator, Return, checked, clipped, returns, written
from simulator import nacha as bank
from tests.harness.banks import ORIGINATOR

NOW, EFFECTIVE = datetime(2026, 11, 23, 16, 5, tzinfo=UTC), date(2026, 11, 24)
ROUTINGS = ["021000021", "011401533", "091000019", "122105155", "999999992"]
digits = st.text("0123456789", min_size=1, max_size=17)
entries = st.lists(
    st.builds(
        Entry,
        st.sampled_from(Code),
        st.sampled_from(ROUTINGS),
        digits,
        st.integers(1, 10**10 - 1),
        st.text("0123456789MDR", min_size=1, max_size=15),
        st.text(min_size=0, max_size=40).map(lambda name: f"Z{name}"),
    ),
    min_size=1,
    max_size=30,
)
batches = st.builds(
    Batch, st.sampled_from(Class), st.sampled_from(["TOP UP", "WITHDRAWAL"]), st.integers(0, 10**7 - 40), entries
)

# The other reader does not count the codes of returns, 21 and 26, into its totals.
TOTALS_OF_RETURNS = {"22": {"BAD_BATCH_CREDIT", "BAD_FILE_CREDIT"}, "27": {"BAD_BATCH_DEBIT", "BAD_FILE_DEBIT"}}


def a_file(code: Code = Code.DEBIT, trace: int = 7) -> bytes:
    entry = Entry(code, "021000021", "000123456789", 12_345, f"{trace:012}", "Zoe")
    return written(ORIGINATOR, Batch(Class.WEB, "TOP UP", trace, [entry]), NOW, EFFECTIVE)


def test_a_file_is_as_the_rules_have_it() -> None:
    assert a_file().decode().splitlines()[:6] == [
        "101 09100001912345678902611231605H094101SIMULATED BANK         HATFUL                         ",
        "5225HATFUL                              1234567890WEBTOP UP          261124   1091000010000001",
        "627021000021000123456789     0000012345000000000007   ZOE                   S 0091000010000007",
        "82250000010002100002000000012345000000000000" + "1234567890" + " " * 25 + "091000010000001",
        "9000001000001000000010002100002000000012345000000000000" + " " * 39,
        "9" * 94,
    ]


@given(batches)
def test_others_read_what_was_written(batch: Batch) -> None:
    text = written(ORIGINATOR, batch, NOW, EFFECTIVE).decode()
    assert achkit.validate(text) == {"ok": True, "errors": []}
    (found,) = achkit.parse(text)["batches"]
    assert (found["sec"], found["description"], found["effective_date"]) == (batch.kind, batch.purpose, "261124")
    assert [
        (entry["txn_code"], entry["routing"], entry["account"], entry["amount_cents"], entry["id_number"])
        for entry in found["entries"]
    ] == [(entry.code, entry.routing, entry.account, entry.cents, entry.reference) for entry in batch.entries]
    traces = [f"09100001{batch.trace + place:07}" for place in range(len(batch.entries))]
    assert [entry["trace_number"] for entry in found["entries"]] == traces


@given(batches)
def test_the_bank_reads_what_was_written(batch: Batch) -> None:
    found = bank.read(written(ORIGINATOR, batch, NOW, EFFECTIVE))
    assert [(entry.code, entry.cents, entry.reference) for entry in found] == [
        (str(entry.code.value), entry.cents, entry.reference) for entry in batch.entries
    ]


def test_of_a_hash_that_is_too_long_the_end_counts() -> None:
    entries = [Entry(Code.CREDIT, "999999992", "123", 1, str(number), "Zoe") for number in range(1, 151)]
    content = written(ORIGINATOR, Batch(Class.PPD, "TOP UP", 1, entries), NOW, EFFECTIVE)
    assert achkit.validate(content.decode()) == {"ok": True, "errors": []}
    assert len(bank.read(content)) == 150


@given(batches, st.sampled_from(["R01", "R10"]))
def test_what_comes_back_is_known_by_its_name(batch: Batch, code: str) -> None:
    sent = bank.read(written(ORIGINATOR, batch, NOW, EFFECTIVE))[0]
    content = bank.returned(sent, code, 5, NOW)
    broken = {error["code"] for error in achkit.validate(content.decode())["errors"]}
    assert broken == TOTALS_OF_RETURNS[sent.code]
    (entry,) = achkit.parse(content.decode())["batches"][0]["entries"]
    assert entry["addenda"][0]["type"] == "99"
    assert entry["addenda"][0]["info"].startswith(f"{code}{sent.trace}")
    first = batch.entries[0]
    assert returns(content) == [Return(first.reference, first.cents, code, f"{first.routing[:8]}0000005")]


def test_the_same_values_make_the_same_bytes() -> None:
    assert a_file() == a_file()
    assert a_file() != a_file(trace=8)


@pytest.mark.parametrize(
    "change",
    [
        {"cents": 10**10},
        {"account": "1" * 18},
        {"reference": "1" * 16},
        {"routing": "0210000211"},
    ],
)
def test_what_does_not_fit_its_field_makes_no_file(change: dict[str, object]) -> None:
    entry = Entry(Code.DEBIT, "021000021", "123", 1, "1", "Zoe")._replace(**change)  # type: ignore[arg-type]
    with pytest.raises(NachaError) as refusal:
        written(ORIGINATOR, Batch(Class.PPD, "TOP UP", 1, [entry]), NOW, EFFECTIVE)
    assert "021000021" not in str(refusal.value)
    assert "1111" not in str(refusal.value)


@pytest.mark.parametrize(
    "originator",
    [
        ORIGINATOR._replace(bank="091000018"),
        ORIGINATOR._replace(bank=""),
        ORIGINATOR._replace(company="123"),
        ORIGINATOR._replace(company_name="漢"),
    ],
)
def test_who_cannot_send_files_is_told_at_once(originator: Originator) -> None:
    with pytest.raises(NachaError):
        checked(originator)


@given(st.text(), st.integers(1, 40))
def test_a_clipped_name_fits_its_field(name: str, width: int) -> None:
    clip = clipped(name, width)
    assert len(clip) <= width
    assert clip.isascii()
    assert clip == clip.upper().strip()


def returned() -> bytes:
    return bank.returned(bank.read(a_file())[0], "R01", 1, NOW)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\xff" * 94,
        b"9" * 94,
        returned()[:-95],
        returned().replace(b"0000012345", b"0000012346", 1),
        returned().replace(b"0000012345", b"00000 2345", 1),
        returned().replace(b"626", b"621", 1),
        b"".join(returned().splitlines(keepends=True)[1:]) + b"9" * 94 + b"\n",
    ],
)
def test_a_return_file_that_is_not_whole_is_not_read(broken: bytes) -> None:
    with pytest.raises(NachaError):
        returns(broken)


@given(st.binary())
def test_whatever_comes_is_read_or_refused(content: bytes) -> None:
    try:
        returns(content)
    except NachaError:
        return


@given(st.data())
def test_the_bank_takes_no_file_of_which_a_digit_was_changed(data: st.DataObject) -> None:
    """Of the digits that count: routing numbers, amounts, numbers of traces and totals."""
    lines = a_file().decode().splitlines()
    number, first, last = data.draw(
        st.sampled_from([(2, 4, 12), (2, 30, 39), (2, 80, 87), (3, 2, 44), (3, 80, 94), (4, 2, 55), (0, 5, 13)])
    )
    place = data.draw(st.integers(first - 1, last - 1))
    line = lines[number]
    digit = data.draw(st.sampled_from("0123456789").filter(lambda one: one != line[place]))
    lines[number] = line[:place] + digit + line[place + 1 :]
    with pytest.raises(bank.FileError):
        bank.read("".join(f"{line}\n" for line in lines).encode())
