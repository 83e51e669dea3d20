"""Numbers of cards and accounts, which are sent to networks, and else are nowhere but in the vault, encrypted.

Whatever the tests see of the product is searched for all numbers that they type: what its processes log, what it
answers, what its databases hold, and what a test prints.
"""

from pathlib import Path

from rails.sandbox import ACCOUNTS, CARDS
from rails.visa import PUBLISHED

IBANS = ("DE89370400440532013000", "DE75512108001245126199", "NL91ABNA0417164300", "GB82WEST12345698765432")
MISTYPED = ("4242424242424241", "4000056655665557")
"""Typed by mistake, they could be somebody's."""
_PLAIN = {*CARDS, *PUBLISHED, *ACCOUNTS, *IBANS, *MISTYPED}
NUMBERS = sorted(_PLAIN | {" ".join(number[n : n + 4] for n in range(0, len(number), 4)) for number in _PLAIN})
EXAMPLES = {"4242424242424242", "4242 4242 4242 4242", "000123456789"}
"""What the sandbox says that one may type."""
_BYTES = [number.encode() for number in NUMBERS]


def numbers_in(text: str) -> list[str]:
    """Which of the numbers are in a text."""
    return [number for number in NUMBERS if number in text]


def numbers_told(answer: str) -> list[str]:
    """Which of the numbers are in an answer, where examples may be."""
    return [number for number in numbers_in(answer) if number not in EXAMPLES]


def numbers_in_files(*paths: Path) -> list[str]:
    """Which of the numbers are in files that are there."""
    contents = [path.read_bytes() for path in paths if path.exists()]
    return [number.decode() for number in _BYTES if any(number in content for content in contents)]
