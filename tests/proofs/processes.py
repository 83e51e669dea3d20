"""Python programs of the proofs, each in a process of its own."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def environment() -> dict[str, str]:
    """An environment in which this project's own modules are found first."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def words(module: str, **given: Any) -> list[str]:
    """The words that run a module with what it is given."""
    return [sys.executable, "-m", module, json.dumps(given)]


def given() -> dict[str, Any]:
    """What this process was given."""
    values: dict[str, Any] = json.loads(sys.argv[1])
    return values


def answer(**values: Any) -> None:
    """Says what came out, for whoever has started this process."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


async def run(module: str, **given: Any) -> dict[str, Any]:
    """Runs a module to its end. Returns what it answered."""
    process = await asyncio.create_subprocess_exec(
        *words(module, **given), cwd=ROOT, env=environment(), stdout=asyncio.subprocess.PIPE
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, f"{module} ended with {process.returncode}"
    values: dict[str, Any] = json.loads(output.splitlines()[-1])
    return values
