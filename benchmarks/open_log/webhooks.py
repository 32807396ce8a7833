"""What recording feels of webhooks that catch up, all at once.

    python -m benchmarks.open_log.webhooks [--webhooks 200] [--backlog 5000] [--narrow]

Opens are appended as fast as that goes, by themselves and then beside webhooks that are each
behind by a backlog.  Their receiver answers at once, from another process: a slow one would
spare recording.
"""

import argparse
import asyncio
import contextlib
import datetime as dt
import multiprocessing
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from aiohttp import web

from benchmarks.open_log.log_alone import new_open
from emailopens.notification.v1 import open_notification_pb2 as notification_pb
from emailopens.pixel.v1 import webhook_service_pb2 as webhook_pb
from pixel_service.notification import number_open
from pixel_service.open_log import BEGINNING, OpenLog, OpenRecord, Webhook, WebhookSecret, connect
from pixel_service.settings import default_log_url
from pixel_service.statistics import COUNTING_RULES
from pixel_service.streaming import following
from pixel_service.webhooks import (
    Deliveries,
    Reader,
    Surroundings,
    delivering,
    new_owner,
    new_secret,
    open_sender,
    secret_text,
)
from service_runtime.drain import Drain

BATCH: Final = 200

# Between batches, as between those of the journals.
PAUSE_SECONDS: Final = 0.02

# An open of 16 octets that holds evidence of 8, and burst: what the log completes.
UNNUMBERED: Final = b"\x1a\x10\x22\x08"

# What deliveries take to begin.
START_SECONDS: Final = 2.0


def new_notified_open() -> OpenRecord:
    """Return an open with a notification that can be read, as long as most are."""
    opened = new_open()
    whole = notification_pb.OpenNotification(event_type="Open", event_id=opened.event_id)
    whole.mail.message_id = "m" * 16
    whole.mail.common_headers.subject = "s" * 300
    opened.notification = whole.SerializeToString() + UNNUMBERED
    return opened


async def _receive(url: "Connection[str, str]") -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url.send("http://{}:{}/".format(*runner.addresses[0][:2]))
    await asyncio.Event().wait()


def receive(url: "Connection[str, str]") -> None:
    """Be a receiver, for ever; say where through *url*."""
    asyncio.run(_receive(url))


@contextlib.contextmanager
def receiving() -> Iterator[str]:
    """Run a receiver beside the block; yield its URL."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=receive, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()
        process.join()


async def record(name: str, log: OpenLog, *, seconds: float) -> float:
    """Append opens for a while; print and return how many a second, and how long that took."""
    took = []
    ends_at = time.perf_counter() + seconds
    while (began := time.perf_counter()) < ends_at:
        await log.append([new_notified_open() for _ in range(BATCH)])
        took.append(time.perf_counter() - began)
        await asyncio.sleep(PAUSE_SECONDS)
    took.sort()
    p50, p95 = (1_000 * took[int(len(took) * share)] for share in (0.5, 0.95))
    rate = len(took) * BATCH / seconds
    print(f"{name:>22}: {rate:6,.0f}/s, p50 {p50:5.1f} ms, p95 {p95:5.1f} ms", flush=True)
    return rate


@contextlib.asynccontextmanager
async def delivering_to(
    url: str, log: OpenLog, count: int, configuration_ids: tuple[str, ...]
) -> AsyncIterator[Deliveries]:
    """Deliver the log to *url* with so many webhooks beside the block."""
    for number in range(count):
        await log.webhooks.create(
            Webhook(
                id=f"w{number}",
                url=url,
                secrets=(WebhookSecret(text=secret_text(new_secret())),),
                body_format=webhook_pb.Webhook.FORMAT_JSON,
                skips_refused=True,
                delivered=BEGINNING,
                create_time=dt.datetime.now(dt.UTC),
                configuration_ids=configuration_ids,
            )
        )
    drain = Drain()
    async with (
        following(log, on_news=lambda: None) as tail,
        open_sender(allow_private=True) as sender,
        delivering(
            Surroundings(
                reader=Reader(log, tail),
                store=log.webhooks,
                sender=sender,
                owner=new_owner(),
                drain=drain,
            )
        ) as deliveries,
    ):
        yield deliveries
        drain.begin()


async def measure(options: argparse.Namespace) -> None:
    """Print what recording does by itself, and what beside webhooks."""
    with tempfile.TemporaryDirectory() as folder, receiving() as url:
        async with connect(
            default_log_url(Path(folder)), number_open=number_open, counting_rules=COUNTING_RULES
        ) as log:
            for _ in range(options.backlog // BATCH):
                await log.append([new_notified_open() for _ in range(BATCH)])
            alone = await record("by itself", log, seconds=options.seconds)
            selected = ("none",) if options.narrow else ()
            async with delivering_to(url, log, options.webhooks, selected) as deliveries:
                await asyncio.sleep(START_SECONDS)
                before = sum(deliveries.outcomes.values())
                beside = await record(
                    f"beside {options.webhooks} webhooks", log, seconds=options.seconds
                )
                sent = (sum(deliveries.outcomes.values()) - before) / options.seconds
    print(f"recording: {beside / alone:.2f} of its rate, {sent:,.0f} requests/s beside it")


def main() -> None:
    """Measure an SQLite log with its webhooks in this process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--webhooks", type=int, default=200)
    parser.add_argument("--backlog", type=int, default=5_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--narrow", action="store_true", help="they select nothing of the backlog")
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
