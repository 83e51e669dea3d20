"""The command `hatful serve`: readies the database, listens, and says so."""

import signal

from rich.console import Console

from server import banner, telemetry
from server.addresses import http_address, is_loopback
from server.exits import WrongSettingError
from server.listening import bind, listen
from server.preparation import prepare
from server.settings import Settings
from server.trusted import persisted


def serve(settings: Settings) -> None:
    """Serves until a signal comes. Raises OperatorError when that cannot be."""
    if settings.demo and not is_loopback(settings.host):
        raise WrongSettingError(
            f"The demo's tokens are known to everybody, so it listens on this machine alone, not on {settings.host}."
        )
    persisted(settings)  # a document that cannot be read is told now, in one line
    bound = bind(settings.host, settings.port)  # first, so that a port that is taken costs no wait
    settings = settings.model_copy(update={"port": bound.getsockname()[1]})  # which 0 has left open
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C: what was begun is tidied up
    telemetry.configure(settings.log_format, settings.log_level)
    console = Console(highlight=False)
    prepare(settings, console)
    address = http_address(settings.host, settings.port)
    listen(settings, bound, lambda: banner.show(console, settings, address))
