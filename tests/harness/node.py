"""Programs of Node in tests/clients, run by the Node of the environment's own wheel."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

CLIENTS = Path(__file__).parents[1] / "clients"
PACKAGES = CLIENTS / "node_modules"
PATIENCE_SECONDS = 120.0

_NODE = Path(sys.executable).with_name("node")


def missing() -> str | None:
    """What stands in the way of running Node's clients, or None when nothing does."""
    if not _NODE.exists():
        return "no Node in this environment"
    if not (PACKAGES / "ready").exists():
        return "the clients' packages are not here: `make test` fetches them"
    return None


def run(program: Path, *words: str | Path, folder: Path = CLIENTS) -> str:
    """What a program prints; it runs in this folder. Fails the test with all it said when the program fails."""
    done = subprocess.run(
        [_NODE, program, *words],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{program.name} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def answer(program: str, *words: str | Path) -> Any:
    """The JSON that one of tests/clients' own programs prints."""
    return json.loads(run(CLIENTS / program, *words))


def tool(name: str) -> Path:
    """A command that a package brings."""
    return (PACKAGES / ".bin" / name).resolve()
