"""NACHA files: records of 94 characters, ten to a block, by which banks of the United States debit and credit accounts.

`written` makes a file of one batch. `returns` reads what a bank sends back. The libraries that write such files number
their entries themselves; ours carry our own numbers, because it is by these that the bank tells us what came back.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import IntEnum, StrEnum
from itertools import pairwise
from typing import NamedTuple

from stdnum.us import rtn

LENGTH = 94
BLOCK = 10
MOST_CENTS = 10**10 - 1
ACCOUNT_DIGITS = 17
COMPANY_LENGTH = 10
_HASH = 10**10
_TRACES = 10**7
_MODIFIERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class NachaError(ValueError):
    """Not a NACHA file, or nothing that can be one. The message names no account."""


class Code(IntEnum):
    """What is done to an account: these are checking accounts."""

    CREDIT = 22
    DEBIT = 27


class Class(StrEnum):
    """Who has agreed to an entry, and how."""

    PPD = "PPD"
    """A person, beforehand."""
    WEB = "WEB"
    """A person, on the web."""


class Originator(NamedTuple):
    """Who sends files, to which bank."""

    bank: str
    """The bank's routing number: nine digits."""
    bank_name: str
    company: str
    """By what the bank knows us: ten characters, often 1 and the tax number."""
    company_name: str


class Entry(NamedTuple):
    """Money drawn from an account, or sent to it, in cents."""

    code: Code
    routing: str
    account: str
    cents: int
    reference: str
    """Our name for it: at most 15 characters. It comes back with a return."""
    name: str

    def __repr__(self) -> str:
        return f"Entry(…{self.account[-4:]}, {self.code!r}, {self.cents}, {self.reference!r})"


class Batch(NamedTuple):
    """Entries of one purpose. The first has this trace number, and the others those that follow."""

    kind: Class
    purpose: str
    """What the account's owner reads: at most ten characters."""
    trace: int
    entries: Sequence[Entry]


class Return(NamedTuple):
    """An entry that came back, and why: R01 to R85."""

    reference: str
    cents: int
    code: str
    trace: str
    """The number that the other bank has given to the return."""


class _Field(NamedTuple):
    name: str
    width: int
    is_number: bool = False


class _Record:
    """The fields of a record, in their order. Those with names in capitals always say the same."""

    def __init__(self, kind: str, *fields: _Field) -> None:
        self._kind = kind
        self._fields = fields
        assert sum(field.width for field in fields) == LENGTH - len(kind), "a record has 94 characters"

    def line(self, **values: str | int) -> str:
        return self._kind + "".join(_filled(field, values.get(field.name, "")) for field in self._fields)

    def read(self, line: str) -> dict[str, str]:
        values, start = {}, len(self._kind)
        for field in self._fields:
            values[field.name] = line[start : start + field.width].strip()
            start += field.width
        return values


def _filled(field: _Field, value: str | int) -> str:
    text = str(value or 0).rjust(field.width, "0") if field.is_number else str(value).ljust(field.width)
    if len(text) != field.width:
        raise NachaError(f"the field {field.name} has {field.width} characters")
    return text


def _text(name: str, width: int) -> _Field:
    return _Field(name, width)


def _number(name: str, width: int) -> _Field:
    return _Field(name, width, is_number=True)


_FILE = _Record(
    "101",  # priority 01, which is the only one
    _text("destination", 10),
    _text("origin", 10),
    _text("date", 6),
    _text("time", 4),
    _text("modifier", 1),
    _text("form", 6),
    _text("destination_name", 23),
    _text("origin_name", 23),
    _text("reference", 8),
)
_BATCH = _Record(
    "5",
    _number("service", 3),
    _text("company_name", 16),
    _text("discretionary", 20),
    _text("company", 10),
    _text("kind", 3),
    _text("purpose", 10),
    _text("described", 6),
    _text("effective", 6),
    _text("settled", 3),
    _text("status", 1),
    _text("odfi", 8),
    _number("batch", 7),
)
_ENTRY = _Record(
    "6",
    _number("code", 2),
    _text("routing", 9),
    _text("account", ACCOUNT_DIGITS),
    _number("cents", 10),
    _text("reference", 15),
    _text("name", 22),
    _text("discretionary", 2),
    _number("addenda", 1),
    _text("trace", 15),
)
_RETURN = _Record(
    "799",
    _text("code", 3),
    _text("original_trace", 15),
    _text("died", 6),
    _text("original_rdfi", 8),
    _text("why", 44),
    _text("trace", 15),
)
_BATCH_END = _Record(
    "8",
    _number("service", 3),
    _number("count", 6),
    _number("hash", 10),
    _number("debits", 12),
    _number("credits", 12),
    _text("company", 10),
    _text("authentication", 19),
    _text("reserved", 6),
    _text("odfi", 8),
    _number("batch", 7),
)
_FILE_END = _Record(
    "9",
    _number("batches", 6),
    _number("blocks", 6),
    _number("count", 8),
    _number("hash", 10),
    _number("debits", 12),
    _number("credits", 12),
    _text("reserved", 39),
)
_FILLER = "9" * LENGTH
_FORM = "094101"  # 94 characters, ten to a block, form 1
_IS_DEBIT = "6789"  # the last digit of a debit's code; credits have less


def checked(originator: Originator) -> Originator:
    """The same. Raises NachaError if no file can be of this originator."""
    if not rtn.is_valid(originator.bank):
        raise NachaError("the bank's routing number is wrong")
    if len(originator.company) != COMPANY_LENGTH or not originator.company.isalnum():
        raise NachaError("a company's id has ten letters and digits")
    if not (clipped(originator.company_name, 1) and clipped(originator.bank_name, 1)):
        raise NachaError("the company and the bank have names")
    return originator


def written(originator: Originator, batch: Batch, created_at: datetime, effective: date) -> bytes:
    """A file of one batch. The same values make the same bytes. Raises NachaError if one does not fit its field."""
    service, odfi, entries = _service(batch.entries), originator.bank[:8], batch.entries
    totals = {
        "count": len(entries),
        "hash": sum(int(entry.routing[:8]) for entry in entries) % _HASH,
        "debits": sum(entry.cents for entry in entries if entry.code is Code.DEBIT),
        "credits": sum(entry.cents for entry in entries if entry.code is Code.CREDIT),
    }
    lines = [
        _FILE.line(
            destination=originator.bank.rjust(10),
            origin=originator.company.rjust(10),
            date=f"{created_at:%y%m%d}",
            time=f"{created_at:%H%M}",
            modifier=_MODIFIERS[batch.trace % len(_MODIFIERS)],
            form=_FORM,
            destination_name=clipped(originator.bank_name, 23),
            origin_name=clipped(originator.company_name, 23),
        ),
        _BATCH.line(
            service=service,
            company_name=clipped(originator.company_name, 16),
            company=originator.company,
            kind=batch.kind,
            purpose=batch.purpose,
            effective=f"{effective:%y%m%d}",
            status=1,
            odfi=odfi,
            batch=1,
        ),
        *(_entry_line(entry, batch, odfi, place) for place, entry in enumerate(entries)),
        _BATCH_END.line(service=service, company=originator.company, odfi=odfi, batch=1, **totals),
    ]
    blocks = -(-(len(lines) + 1) // BLOCK)
    lines.append(_FILE_END.line(batches=1, blocks=blocks, **totals))
    lines += [_FILLER] * (blocks * BLOCK - len(lines))
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def _service(entries: Iterable[Entry]) -> int:
    """Whether there are credits in a batch (220), debits (225), or both (200)."""
    codes = {entry.code for entry in entries}
    if len(codes) > 1:
        return 200
    return 220 if Code.CREDIT in codes else 225


def _entry_line(entry: Entry, batch: Batch, odfi: str, place: int) -> str:
    return _ENTRY.line(
        code=entry.code,
        routing=entry.routing,
        account=entry.account,
        cents=entry.cents,
        reference=entry.reference,
        name=clipped(entry.name, 22),
        discretionary="S" if batch.kind is Class.WEB else "",  # agreed to this once
        trace=f"{odfi}{(batch.trace + place) % _TRACES:07}",
    )


def clipped(text: str, width: int) -> str:
    """A name in the letters that a file has, and no longer than its field."""
    return re.sub(r"[^A-Z0-9 .,&'/()-]", " ", text.upper())[:width].strip()


def returns(content: bytes) -> Sequence[Return]:
    """What came back, by a bank's return file. Raises NachaError if it is not whole."""
    lines = _whole(content)
    return [_came_back(entry, why) for entry, why in pairwise(lines) if entry.startswith("6") and why.startswith("799")]


def _came_back(entry_line: str, why_line: str) -> Return:
    entry, why = _ENTRY.read(entry_line), _RETURN.read(why_line)
    return Return(entry["reference"], _integer(entry["cents"]), why["code"], entry["trace"])


def _whole(content: bytes) -> Sequence[str]:
    """A file's records, if all of them are there."""
    try:
        lines = [line for line in content.decode("ascii").splitlines() if line]
    except UnicodeDecodeError:
        raise NachaError("the file is not of ASCII") from None
    if any(len(line) != LENGTH for line in lines):
        raise NachaError("a record has not 94 characters")
    records = [line for line in lines if line != _FILLER]
    if len(lines) % BLOCK or len(records) < 2 or not (records[0].startswith("1") and records[-1].startswith("9")):
        raise NachaError("the file is not whole")
    _check(records)
    return records


def _check(records: Sequence[str]) -> None:
    """Whether the entries come to the totals that the file's last record says."""
    said = _FILE_END.read(records[-1])
    entries = [_ENTRY.read(record) for record in records if record.startswith("6")]
    debits = sum(_integer(entry["cents"]) for entry in entries if entry["code"][-1:] in _IS_DEBIT)
    credited = sum(_integer(entry["cents"]) for entry in entries if entry["code"][-1:] not in _IS_DEBIT)
    count = len(entries) + sum(record.startswith("7") for record in records)
    told = [_integer(said[name]) for name in ("count", "debits", "credits")]
    if told != [count, debits, credited]:
        raise NachaError("the entries do not come to the file's totals")


def _integer(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise NachaError("a number is none")
    return int(text)
