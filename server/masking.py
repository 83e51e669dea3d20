"""Long numbers, such as a card's, in what is written or answered of what somebody sent."""

import re

_LONG_NUMBER = re.compile(r"\d(?:[ -]?\d){11,}")


def without_numbers(text: str) -> str:
    """The text with an ellipsis for each number of twelve digits or more, however it is grouped."""
    return _LONG_NUMBER.sub("…", text)
