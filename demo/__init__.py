"""The demo: people, posts and money to look at, the same on every machine."""

from demo.cast import CAST, EXAMPLE_POST, token_of
from demo.filling import NotEmptyError, Progress, fill
from demo.state import State, is_filled, state

__all__ = [
    "CAST",
    "EXAMPLE_POST",
    "NotEmptyError",
    "Progress",
    "State",
    "fill",
    "is_filled",
    "state",
    "token_of",
]
