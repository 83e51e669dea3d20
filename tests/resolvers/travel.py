"""Time that passes in a test."""

from collections.abc import Callable
from datetime import timedelta

Travel = Callable[[timedelta], None]
"""Makes it so much later than it is: each time anew, from the same time on."""
