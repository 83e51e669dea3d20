"""The memory of a server that reads timelines and tips, minute by minute. `make bench-memory` runs it."""

import asyncio
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks import data
from benchmarks.ledger.town import Shape
from benchmarks.load import Wanted, measure
from benchmarks.servers import running
from benchmarks.workloads import Language, Workload
from tests.harness.postgres import DURABLE, postgres

CLIENTS = 32
MINUTE = 60.0
MOST = 250
FLAT = 1.1
"""The last minute may have so many times the memory of the middle one."""


def main() -> None:
    """Fails if the server takes more than it may, or ever more."""
    minutes = int(sys.argv[1])
    screen = Console()
    settings = (*DURABLE, "shared_buffers=1GB", "max_wal_size=8GB")
    with postgres(settings) as server, server.database() as url, tempfile.TemporaryDirectory() as folder:
        data.make(url)
        asyncio.run(data.settle_down(url))
        found = []
        with running("product", url, Path(folder)) as at:
            for minute in range(1, minutes + 1):
                # Each minute has connections of its own, from other addresses: no limit on requests is reached.
                wanted = Wanted(at.port, at.process, Workload.MIXED, Language.GRAPHQL, Shape.ZIPF, CLIENTS, MINUTE)
                measured = measure(wanted)
                found.append(measured.memory / (1 << 20))
                screen.print(f"minute {minute}: {found[-1]:,.0f} MiB, {measured.rate:,.0f} requests/s")
    is_flat = found[-1] <= FLAT * found[len(found) // 2]
    screen.print(f"at most {max(found):,.0f} MiB of {MOST}; {'flat' if is_flat else 'still growing'}")
    sys.exit(0 if is_flat and max(found) <= MOST else 1)


if __name__ == "__main__":
    main()
