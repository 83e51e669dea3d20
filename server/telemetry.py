"""Logs: one form for ours and for those of the libraries, for people or for machines, on the standard error stream."""

import logging
import sys
import time
from typing import Literal

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.types import EventDict, Processor

from server.masking import without_numbers

access: structlog.stdlib.BoundLogger = structlog.get_logger("hatful.access")


def configure(log_format: Literal["console", "json"], level: str) -> None:
    """Sets up logging for this process."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _brief],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(log_format)],
        )
    )
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.WARNING)  # what libraries do is of interest when it goes wrong
    logging.getLogger("hatful").setLevel(level.upper())


def _brief(_: object, __: str, event: EventDict) -> EventDict:
    """Leaves a library's warning its reason, and takes the traceback away."""
    record: logging.LogRecord = event["_record"]
    if record.exc_info and record.levelno < logging.ERROR:
        event["reason"] = repr(record.exc_info[1])
        event.pop("exc_info", None)
    return event


def _rendering(log_format: Literal["console", "json"]) -> list[Processor]:
    # Tracebacks are plain: with the values of local variables they would show secrets.
    if log_format == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]


class AccessLog:
    """A line for each request, at the level debug. No header, parameter or body is in it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the application within."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def note(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            milliseconds = round((time.perf_counter() - began) * 1000, 1)
            access.debug(
                "request", method=scope["method"], path=without_numbers(scope["path"]), status=status, ms=milliseconds
            )
