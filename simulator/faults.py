"""What goes wrong, and when: a queue of faults, each for the next calls of one operation."""

from collections.abc import Sequence
from enum import StrEnum
from fnmatch import fnmatchcase

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from simulator.books import Status


class Does(StrEnum):
    """What a fault does."""

    NOTHING = "NOTHING"
    # Of an answer. `moves` says whether the money moves all the same.
    SILENT = "SILENT"
    """No answer ever: the asker runs out of time."""
    DROPPED = "DROPPED"
    """The connection ends without a byte of an answer."""
    MALFORMED = "MALFORMED"
    """Half of the answer, with status 200."""
    STATUS = "STATUS"
    """An answer of HTTP status `status`, such as 503 or 504."""
    # Of what happens to the money.
    PENDING = "PENDING"
    """It is taken up, and after `seconds` becomes `becomes`."""
    DUPLICATE = "DUPLICATE"
    """As PENDING, and the network says that the same request is still under way (303)."""
    DECLINED = "DECLINED"
    """It is declined with `code`."""
    PARTIAL = "PARTIAL"
    """Only `amount` moves."""
    RETURNED = "RETURNED"
    """It comes back after `seconds`, with `code`."""
    # Of settlement.
    SETTLEMENT_MISSING = "SETTLEMENT_MISSING"
    SETTLEMENT_WRONG = "SETTLEMENT_WRONG"
    """The line says `amount`."""
    SETTLEMENT_EXTRA = "SETTLEMENT_EXTRA"
    """There is a second line of another name for a movement that nobody knows."""
    # Of a webhook.
    DELAYED = "DELAYED"
    """It comes after `seconds`."""
    DOUBLED = "DOUBLED"
    REORDERED = "REORDERED"
    """It comes after the next one."""
    LOST = "LOST"
    BADLY_SIGNED = "BADLY_SIGNED"
    STALE = "STALE"
    """It is signed well, for a moment long ago."""


BREAKS = frozenset({Does.SILENT, Does.DROPPED, Does.MALFORMED, Does.STATUS})


class Fault(BaseModel):
    """A fault for the next calls of an operation, such as `visa.pull`, or `visa.*` for any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    operation: str
    does: Does
    times: int = Field(default=1, ge=1)
    moves: bool = True
    status: int = Field(default=504, ge=100, le=599)
    code: str | None = None
    amount: int | None = Field(default=None, ge=0)
    """In minor units."""
    seconds: float = Field(default=60, ge=0)
    becomes: Status = Status.COMPLETED

    @property
    def before(self) -> bool:
        """Whether the request gets lost before anything moves."""
        return self.does in BREAKS and not self.moves


class Faults:
    """The faults that are still to come, oldest first."""

    def __init__(self) -> None:
        self._queue: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._queue.append(fault)

    def waiting(self) -> Sequence[Fault]:
        return tuple(self._queue)

    def reset(self) -> None:
        self._queue.clear()

    def take(self, operation: str, *kinds: Does) -> Fault:
        """The next fault for an operation, among these kinds if any are named, or one that does NOTHING."""
        for index, fault in enumerate(self._queue):
            if fnmatchcase(operation, fault.operation) and (not kinds or fault.does in kinds):
                self._use(index, fault)
                return fault
        return Fault(operation=operation, does=Does.NOTHING)

    def _use(self, index: int, fault: Fault) -> None:
        if fault.times == 1:
            del self._queue[index]
        else:
            self._queue[index] = fault.model_copy(update={"times": fault.times - 1})


def spoilt(fault: Fault, answer: Response) -> Response:
    """An answer as the fault lets it through: itself, if the fault is about something else."""
    match fault.does:
        case Does.SILENT:
            return Silence()
        case Does.DROPPED:
            return Cut()
        case Does.MALFORMED:
            return Response(_half(bytes(answer.body)), 200, media_type="application/json")
        case Does.STATUS:
            return JSONResponse({"message": "The service is not available."}, fault.status)
        case _:
            return answer


def _half(body: bytes) -> bytes:
    return body[: len(body) // 2] or b"{"


class Silence(Response):
    """No answer: it ends when the asker goes away."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Waits for the asker's end."""
        while (await receive())["type"] != "http.disconnect":
            pass


class Cut(Response):
    """The end of the connection, before a byte of an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ends the connection."""
        scope["state"]["cut"]()
        while (await receive())["type"] != "http.disconnect":
            pass
