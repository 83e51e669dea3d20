"""A wallet's statement as a PDF: whose it is, of which time, what was there before and after, and each entry."""

from collections.abc import Callable, Sequence
from datetime import datetime
from io import BytesIO
from typing import NamedTuple

from babel.dates import format_date
from babel.numbers import format_currency
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from models.money import Currency, Money
from models.types import MICROSECOND
from resolvers.statements import Statement, StatementLine
from resolvers.transfers import called

LOCALE = "en_US"
ENCODING = "cp1252"  # what the fonts have that every reader brings along
_WIDTH, _HEIGHT = A4
_MARGIN = 42.0
_RIGHT = _WIDTH - _MARGIN
_TOP = _HEIGHT - 150
_LINE = 14.0
_REGULAR, _BOLD = "Helvetica", "Helvetica-Bold"
_SIZE = 8.5
LINES_PER_PAGE = int((_TOP - _MARGIN - 2 * _LINE) // _LINE)


class Heading(NamedTuple):
    """What stands above a statement's lines."""

    name: str
    handle: str
    from_: datetime
    to: datetime
    currency: Currency


class _Column(NamedTuple):
    title: str
    left: float
    right: float
    text: Callable[[StatementLine], str]
    is_number: bool = False


def _amount(units: int, currency: Currency) -> str:
    return format_currency(Money(units, currency).amount, currency, locale=LOCALE)


_COLUMNS = (
    _Column("No.", _MARGIN, _MARGIN + 34, lambda line: str(line.entry.version), is_number=True),
    _Column("Time (UTC)", _MARGIN + 44, _MARGIN + 124, lambda line: f"{line.entry.created_at:%Y-%m-%d %H:%M}"),
    _Column("Kind", _MARGIN + 128, _MARGIN + 184, lambda line: called(line.transfer).replace("_", "-").capitalize()),
    _Column("With", _MARGIN + 188, _MARGIN + 262, lambda line: "" if line.other is None else f"@{line.other.handle}"),
    _Column("Note", _MARGIN + 266, _RIGHT - 142, lambda line: " ".join((line.transfer.note or "").split())),
    _Column(
        "Amount",
        _RIGHT - 138,
        _RIGHT - 72,
        lambda line: _amount(line.entry.amount, line.entry.currency),
        is_number=True,
    ),
    _Column(
        "Balance",
        _RIGHT - 68,
        _RIGHT,
        lambda line: _amount(line.entry.balance_after, line.entry.currency),
        is_number=True,
    ),
)


def document(heading: Heading, statement: Statement, lines: Sequence[StatementLine]) -> bytes:
    """The statement as a PDF. What its fonts lack is shown as a question mark; the CSV has all of it."""
    file = BytesIO()
    canvas = Canvas(file, pagesize=A4, lang="en")
    canvas.setTitle(f"Statement of @{heading.handle}, {time_of(heading)}")
    canvas.setAuthor("Hatful")
    pages = [lines[at : at + LINES_PER_PAGE] for at in range(0, len(lines), LINES_PER_PAGE)] or [[]]
    for number, page in enumerate(pages, start=1):
        _draw_heading(canvas, heading, statement)
        _draw_lines(canvas, page)
        canvas.setFont(_REGULAR, _SIZE)
        canvas.drawRightString(_RIGHT, _MARGIN, f"Page {number} of {len(pages)}")
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def time_of(heading: Heading) -> str:
    """The time in words: a month's name, if it is just that month, or the first day and the last."""
    last = max(heading.to - MICROSECOND, heading.from_)
    if heading.from_ == _month(heading.from_) and heading.to == _next_month(heading.from_):
        return format_date(last, "MMMM y", locale=LOCALE)
    first_day, last_day = (format_date(moment, "long", locale=LOCALE) for moment in (heading.from_, last))
    return f"{first_day} to {last_day}"


def _month(moment: datetime) -> datetime:
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _next_month(moment: datetime) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month, 12)
    return _month(moment).replace(year=min(year, 9999), month=month + 1)


def _draw_heading(canvas: Canvas, heading: Heading, statement: Statement) -> None:
    canvas.setFont(_BOLD, 16)
    canvas.drawString(_MARGIN, _HEIGHT - 60, _fitting(f"Statement for {time_of(heading)}", _BOLD, 16, _RIGHT - _MARGIN))
    canvas.setFont(_REGULAR, 10)
    whose = f"{heading.name} (@{heading.handle}), in {heading.currency}"
    canvas.drawString(_MARGIN, _HEIGHT - 80, _fitting(whose, _REGULAR, 10, _RIGHT - _MARGIN))
    for n, (what, money) in enumerate((("Opening balance", statement.opening), ("Closing balance", statement.closing))):
        y = _HEIGHT - 104 - n * _LINE
        canvas.drawString(_MARGIN, y, what)
        canvas.drawRightString(_RIGHT, y, _amount(money.minor_units, money.currency))


def _draw_lines(canvas: Canvas, lines: Sequence[StatementLine]) -> None:
    canvas.setFont(_BOLD, _SIZE)
    for column in _COLUMNS:
        _draw(canvas, column, _TOP, column.title)
    canvas.line(_MARGIN, _TOP - 4, _RIGHT, _TOP - 4)
    canvas.setFont(_REGULAR, _SIZE)
    for n, line in enumerate(lines, start=1):
        for column in _COLUMNS:
            text = column.text(line)
            whole = text if column.is_number else _fitting(text, _REGULAR, _SIZE, column.right - column.left)
            _draw(canvas, column, _TOP - 2 - n * _LINE, whole)


def _draw(canvas: Canvas, column: _Column, y: float, text: str) -> None:
    if column.is_number:
        canvas.drawRightString(column.right, y, text)
    else:
        canvas.drawString(column.left, y, text)


def _fitting(text: str, font: str, size: float, width: float) -> str:
    """As much of a text as fits, in characters that the font has."""
    shown = text.encode(ENCODING, "replace").decode(ENCODING)
    if stringWidth(shown, font, size) <= width:
        return shown
    while shown and stringWidth(f"{shown}…", font, size) > width:
        shown = shown[:-1]
    return f"{shown}…"
