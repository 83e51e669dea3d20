"""NACHA files as a bank takes them, and the return files that it writes.

Positions are counted from 1, as the rules do.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

RETURNED = {"22": "21", "27": "26"}
"""The codes with which credits and debits of checking accounts come back."""
_DEBITS = {"27"}
_SERVICES = {frozenset({False}): "220", frozenset({True}): "225", frozenset({False, True}): "200"}
_PURPOSES = {"PPD", "WEB"}


class FileError(ValueError):
    """The file breaks a rule: which one is the message."""


class Entry(NamedTuple):
    """An entry as it was sent: all of it goes back with a return."""

    code: str
    routing: str
    account: str
    cents: int
    reference: str
    name: str
    extra: str
    trace: str
    sec: str
    purpose: str
    company: str
    company_name: str

    @property
    def is_debit(self) -> bool:
        """Whether it draws money from the account."""
        return self.code in _DEBITS


def read(content: bytes) -> Sequence[Entry]:
    """The entries of a file, all of whose records and totals are right. Raises FileError."""
    lines = _lines(content)
    end = max(place for place, line in enumerate(lines) if set(line) != {"9"})
    records, filler = lines[: end + 1], lines[end + 1 :]
    _require(len(filler) < 10, "there are no blocks of fillers alone")
    header, control = records[0], records[-1]
    _require(header[0] == "1" and control[0] == "9", "a file begins with its header and ends with its control")
    _check_header(header)
    entries: list[Entry] = []
    sums = [0, 0, 0, 0]
    batches = list(_batches(records[1:-1]))
    for number, batch in enumerate(batches, 1):
        found = _batch(batch, number)
        entries += found
        sums = [a + b for a, b in zip(sums, _sums(found), strict=True)]
    _require(_at(control, 2, 7) == f"{len(batches):06}", "the count of batches")
    _require(_at(control, 8, 13) == f"{len(lines) // 10:06}", "the count of blocks")
    _check_sums(sums, _at(control, 14, 21), _at(control, 22, 31), _at(control, 32, 43), _at(control, 44, 55))
    _require(not _at(control, 56, 94).strip(), "the end of a file's control is blank")
    return entries


def _lines(content: bytes) -> list[str]:
    try:
        lines = content.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise FileError("a file is of ASCII") from None
    _require(lines.pop() == "" and len(lines) > 0, "the last record ends, too")
    _require(all(len(line) == 94 for line in lines), "a record has 94 characters")
    _require(all(line.isprintable() and line == line.upper() for line in lines), "letters are capitals")
    _require(len(lines) % 10 == 0, "a block has ten records")
    _require(any(set(line) != {"9"} for line in lines), "a file says something")
    return lines


def _check_header(header: str) -> None:
    _require(_at(header, 2, 3) == "01", "the priority code")
    _require(_at(header, 4, 4) == " " and _is_routing(_at(header, 5, 13)), "the immediate destination")
    _require(bool(_at(header, 14, 23).strip()), "the immediate origin")
    _moment(_at(header, 24, 33))
    _require(_at(header, 34, 34).isalnum(), "the file id modifier")
    _require(_at(header, 35, 40) == "094101", "record size, blocking factor, format")


def _batches(records: Sequence[str]) -> Iterator[Sequence[str]]:
    start = 0
    for place, record in enumerate(records):
        if record[0] == "8":
            yield records[start : place + 1]
            start = place + 1
    _require(start == len(records), "a batch ends with its control")


def _batch(records: Sequence[str], number: int) -> Sequence[Entry]:
    header, control = records[0], records[-1]
    _require(header[0] == "5", "a batch begins with its header")
    _require(_at(header, 51, 53) in _PURPOSES, "the standard entry class")
    _require(bool(_at(header, 54, 63).strip()), "the entry description")
    _moment(_at(header, 70, 75) + "0000")
    _require(_at(header, 79, 79) == "1", "the originator's status")
    odfi = _at(header, 80, 87)
    entries = [_entry(record, header, odfi) for record in records[1:-1]]
    traces = [entry.trace for entry in entries]
    _require(bool(traces) and traces == sorted(set(traces)), "trace numbers go up")
    service = _SERVICES[frozenset(entry.is_debit for entry in entries)]
    _require(_at(header, 2, 4) == service == _at(control, 2, 4), "the service class")
    _check_sums(_sums(entries), _at(control, 5, 10), _at(control, 11, 20), _at(control, 21, 32), _at(control, 33, 44))
    same = _at(header, 41, 50) == _at(control, 45, 54) and odfi == _at(control, 80, 87)
    _require(same, "a batch's control is of the same company and bank as its header")
    _require(_at(header, 88, 94) == _at(control, 88, 94) == f"{number:07}", "the batch number")
    return entries


def _entry(record: str, header: str, odfi: str) -> Entry:
    _require(record[0] == "6" and _at(record, 79, 79) == "0", "entries have no addenda")
    _require(_at(record, 2, 3) in RETURNED, "the transaction code")
    _require(_is_routing(_at(record, 4, 12)), "the receiving bank's routing number")
    _require(bool(_at(record, 13, 29).strip()), "the account number")
    _require(_at(record, 30, 39).isdigit() and int(_at(record, 30, 39)) > 0, "the amount")
    _require(bool(_at(record, 55, 76).strip()), "the receiver's name")
    _require(_at(record, 80, 94).isdigit() and _at(record, 80, 87) == odfi, "the trace number begins with the bank's")
    sec = _at(header, 51, 53)
    _require(_at(record, 77, 78) in ({"S ", "R "} if sec == "WEB" else {"  "}), "the payment type of a WEB entry")
    return Entry(
        code=_at(record, 2, 3),
        routing=_at(record, 4, 12),
        account=_at(record, 13, 29).strip(),
        cents=int(_at(record, 30, 39)),
        reference=_at(record, 40, 54).strip(),
        name=_at(record, 55, 76).strip(),
        extra=_at(record, 77, 78),
        trace=_at(record, 80, 94),
        sec=sec,
        purpose=_at(header, 54, 63).strip(),
        company=_at(header, 41, 50),
        company_name=_at(header, 5, 20).strip(),
    )


def _sums(entries: Sequence[Entry]) -> list[int]:
    """Count, hash, debits and credits."""
    debits = sum(entry.cents for entry in entries if entry.is_debit)
    total = sum(entry.cents for entry in entries)
    return [len(entries), sum(int(entry.routing) // 10 for entry in entries), debits, total - debits]


def _check_sums(sums: Sequence[int], count: str, hashed: str, debits: str, credited: str) -> None:
    _require(int(count) == sums[0], "the count of entries")
    _require(hashed == f"{sums[1]:010}"[-10:], "the entry hash")
    _require(int(debits) == sums[2] and int(credited) == sums[3], "the totals of debits and credits")


def _is_routing(text: str) -> bool:
    """Whether the last digit checks the eight before it."""
    if len(text) != 9 or not text.isdigit():
        return False
    return sum(int(digit) * weight for digit, weight in zip(text, (3, 7, 1) * 3, strict=True)) % 10 == 0


def _moment(text: str) -> None:
    try:
        datetime.strptime(text, "%y%m%d%H%M")  # noqa: DTZ007  # files say no zone
    except ValueError:
        raise FileError("a date") from None


def _at(record: str, first: int, last: int) -> str:
    return record[first - 1 : last]


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise FileError(rule)


def returned(entry: Entry, code: str, number: int, at: datetime) -> bytes:
    """A file by which one entry comes back."""
    debits, credited = (entry.cents, 0) if entry.is_debit else (0, entry.cents)
    home, away = entry.trace[:8], entry.routing[:8]
    trace = f"{away}{number % 10**7:07}"
    service, hashed = "225" if entry.is_debit else "220", f"{int(home):010}"
    check = next(digit for digit in "0123456789" if _is_routing(home + digit))
    company, who = f"{entry.company_name:16}{'':20}{entry.company}", f"{entry.reference:15}{entry.name:22}"
    records = [
        f"101 {home}{check} {entry.routing}{at:%y%m%d%H%M}A094101{'SIMULATED BANK':23}{'SIMULATED BANK':23}{'':8}",
        f"5{service}{company}{entry.sec}{entry.purpose:10}{'':6}{at:%y%m%d}{'':3}1{away}0000001",
        f"6{RETURNED[entry.code]}{home}{check}{entry.account:17}{entry.cents:010}{who}{entry.extra}1{trace}",
        f"799{code:3}{entry.trace}{'':6}{away}{'':44}{trace}",
        f"8{service}000002{hashed}{debits:012}{credited:012}{entry.company}{'':25}{away}0000001",
        f"900000100000100000002{hashed}{debits:012}{credited:012}{'':39}",
    ]
    return "".join(f"{record}\n" for record in [*records, *["9" * 94] * 4]).encode("ascii")
