"""What banks report, as they write it: in many versions, and not always well."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyiso20022.camt.camt_053_001_08.camt_053_001_08 import Document as Camt053  # type: ignore[import-untyped]
from pyiso20022.pain.pain_002_001_10.pain_002_001_10 import Document as Pain002  # type: ignore[import-untyped]
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.config import ParserConfig

from models.money import Currency, Money
from models.rails import SettlementKind
from rails.interface import Settlement
from rails.reports import ReportError, Verdict, booked, verdicts
from simulator import iso20022 as bank

NOW = datetime(2026, 11, 23, 20, tzinfo=UTC)
STRICT = ParserConfig(fail_on_unknown_properties=True, fail_on_unknown_attributes=True, fail_on_converter_warnings=True)
ACKNOWLEDGED = bank.status("f.xml", False, bank.Status("ACCP"), (), NOW)
REFUSED = bank.status("f.txt", True, bank.Status("RJCT", "FF01"), (), NOW)
OF_ONE = bank.status("f.xml", False, bank.Status("PART"), (bank.Status("RJCT", "AC04", "000000000007"),), NOW)
STATED = bank.statement(
    "EUR",
    NOW,
    -5,
    [
        bank.Booked("sct-settled-1", "000000000001", -4_000, "EUR", NOW),
        bank.Booked("sct-return_settled-1", "000000000001", 4_000, "EUR", NOW, "AC04"),
    ],
)
ENTRY = """
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><Stmt><Ntry>
  <Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>{status}</Sts>
  <BookgDt>{day}</BookgDt><AcctSvcrRef>B1</AcctSvcrRef>{details}
</Ntry></Stmt></BkToCstmrStmt></Document>"""
DETAIL = "<TxDtls><Refs>{account}<EndToEndId>{ref}</EndToEndId></Refs><Amt Ccy='EUR'>{amount}</Amt></TxDtls>"


def entry(amount: str = "12.30", status: str = "BOOK", day: str = "<Dt>2026-11-20</Dt>", details: str = "") -> bytes:
    return ENTRY.format(amount=amount, status=status, day=day, details=details).encode()


@pytest.mark.parametrize(
    ("content", "model"), [(ACKNOWLEDGED, Pain002), (REFUSED, Pain002), (OF_ONE, Pain002), (STATED, Camt053)]
)
def test_the_banks_reports_are_what_others_know_by_that_name(content: bytes, model: type[object]) -> None:
    assert XmlParser(config=STRICT).from_bytes(content, model)


def test_what_has_become_of_files_and_of_payments() -> None:
    assert verdicts(ACKNOWLEDGED) == [Verdict("f.xml", None, "ACCP", None)]
    assert verdicts(REFUSED) == [Verdict("f.txt", None, "RJCT", "FF01")]
    assert verdicts(OF_ONE) == [
        Verdict("f.xml", None, "PART", None),
        Verdict("f.xml", "000000000007", "RJCT", "AC04"),
    ]


def test_what_was_booked_and_what_came_back() -> None:
    amount = Money(4_000, Currency.EUR)
    assert booked(STATED) == [
        Settlement("sct-settled-1", "000000000001", SettlementKind.SETTLED, amount, NOW),
        Settlement("sct-return_settled-1", "000000000001", SettlementKind.RETURN_SETTLED, amount, NOW, "AC04"),
    ]


def test_an_older_version_is_read_too() -> None:
    (line,) = booked(entry())
    assert line == Settlement(
        "B1",
        "NOTPROVIDED",
        SettlementKind.SETTLED,
        Money(1_230, Currency.EUR),
        datetime(2026, 11, 20, tzinfo=UTC),
    )


def test_the_time_of_booking_has_its_own_zone() -> None:
    (line,) = booked(entry(day="<DtTm>2026-11-20T09:30:00+02:00</DtTm>"))
    assert line.booked_at == datetime(2026, 11, 20, 9, 30, tzinfo=timezone(timedelta(hours=2)))


def test_what_is_not_booked_yet_is_no_line() -> None:
    assert booked(entry(status="PDNG")) == []


def test_payments_that_were_booked_as_one_are_lines_of_their_own() -> None:
    details = "".join(
        DETAIL.format(ref=ref, amount=amount, account=f"<AcctSvcrRef>{ref}</AcctSvcrRef>")
        for ref, amount in (("1", "10.00"), ("2", "2.30"))
    )
    lines = booked(entry(details=f"<NtryDtls>{details}</NtryDtls>"))
    assert [(line.line, line.network_ref, line.amount.minor_units) for line in lines] == [
        ("B1/1", "1", 1_000),
        ("B1/2", "2", 230),
    ]


LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><Document><BkToCstmrStmt><Stmt>&c;</Stmt></BkToCstmrStmt></Document>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE d [<!ENTITY f SYSTEM "file:///etc/hostname">]>
<Document><BkToCstmrStmt><Stmt>&f;</Stmt></BkToCstmrStmt></Document>"""
OTHER_TYPE = b"""<!DOCTYPE d SYSTEM "http://127.0.0.1:9/d.dtd"><Document><BkToCstmrStmt/></Document>"""


@pytest.mark.parametrize(
    "content",
    [
        LAUGHS,
        OUTSIDE,
        OTHER_TYPE,
        b"",
        b"<Document>",
        b"<Document/>",
        STATED[:-20],
        ACKNOWLEDGED,
        entry(amount="12.345"),
        entry(amount="1e999999999"),
        entry(amount="NaN"),
        entry(amount=""),
        entry(day=""),
        entry(day="<Dt>yesterday</Dt>"),
        entry().replace(b"EUR", b"ABC"),
        entry().replace(b"<AcctSvcrRef>B1</AcctSvcrRef>", b""),
        entry().replace(b"<Sts>BOOK</Sts>", b""),
    ],
)
def test_what_is_no_statement_is_not_read(content: bytes) -> None:
    with pytest.raises(ReportError) as refusal:
        booked(content)
    assert "12.345" not in str(refusal.value)


@pytest.mark.parametrize(
    "content",
    [LAUGHS, OUTSIDE, OTHER_TYPE, b"\x00", STATED, ACKNOWLEDGED.replace(b"f.xml", b" "), OF_ONE.replace(b"RJCT", b"")],
)
def test_what_is_no_status_is_not_read(content: bytes) -> None:
    with pytest.raises(ReportError):
        verdicts(content)


@given(st.binary() | st.text().map(str.encode))
def test_whatever_comes_is_read_or_refused(content: bytes) -> None:
    for read in (booked, verdicts):
        with pytest.raises(ReportError):
            read(content)
