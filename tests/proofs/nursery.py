"""`hatful` many times over, each time in a process of its own that is quick to start.

To start Python and to read all modules takes seconds. This program does so once; then it forks for each line of its
input, which says what to run, and answers with the new process's id. A fork runs the very command, from its first line
on, and can be killed like any other process.
"""

import json
import os
import signal
import sys
import traceback
from contextlib import suppress
from types import FrameType
from typing import Any

from rails import stripe
from server import app, cli, serving

__all__ = ["app", "cli", "serving", "stripe"]  # read here, so that no fork needs to


def main() -> None:
    signal.signal(signal.SIGCHLD, _reap)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(**asked)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


def _reap(_: int, __: FrameType | None) -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _become(words: list[str], folder: str, log: str, environment: dict[str, str]) -> None:
    code: Any = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.argv = ["hatful", *words]
        cli.main()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - a fork ends here, whatever happens
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    main()
