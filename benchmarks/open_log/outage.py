"""How late pixels are while PostgreSQL is away.

    python -m benchmarks.open_log.outage

Ten seconds each: with it, after it was killed, and with it again.  The bar: p99 while it
is away within twice that with it.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path
from typing import Final

import uvloop

from benchmarks.bars import most
from benchmarks.open_log.serving import load, running_service, sealed_tokens
from pixel_service.open_log import migrate
from tests.fixtures.postgres import running_postgres

MESSAGES: Final = 20_000

# The bar.
MOST_TIMES: Final = 2.0


def main() -> None:
    """Measure before, during and after an outage."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_postgres() as server:
        url = server.url_of(asyncio.run(server.create_database()))
        asyncio.run(migrate(url))
        with running_service(Path(folder) / "data", log_url=url) as service:
            tokens = sealed_tokens(MESSAGES, service.ring)
            print(f"{'':>8} {'opens/s':>8} {'p50 ms':>7} {'p99 ms':>7}")

            def measure(name: str) -> float:
                measured = uvloop.run(
                    load(
                        service.http,
                        tokens,
                        seconds=options.seconds,
                        connections=options.connections,
                    )
                )
                print(
                    f"{name:>8} {measured.per_second:>8,.0f}"
                    f" {measured.p50_ms:>7.1f} {measured.p99_ms:>7.1f}",
                    flush=True,
                )
                return measured.p99_ms

            there = measure("there")
            server.kill()
            times = measure("away") / there
            server.start()
            measure("back")
            print(f"p99 while it is away: {times:.2f} times, {most(MOST_TIMES, times)}")


if __name__ == "__main__":
    main()
