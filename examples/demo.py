"""Shows the whole path once: a message rewritten, its pixel fetched, the opens streamed and shown.

make demo
"""

import asyncio
import contextlib
import dataclasses
import difflib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import aiohttp
import grpc
from google.protobuf.json_format import MessageToJson

from emailopens.injector.v1 import configuration_service_pb2 as configuration_pb
from emailopens.injector.v1 import configuration_service_pb2_grpc as configuration_pb_grpc
from emailopens.injector.v1 import injector_service_pb2 as injector_pb
from emailopens.injector.v1 import injector_service_pb2_grpc as injector_pb_grpc
from emailopens.notification.v1 import open_notification_pb2 as notification_pb
from emailopens_client import LogEnd, OpenStream
from examples.pair import (
    HOST,
    Pair,
    free_ports,
    page_options,
    pair_on_free_ports,
    running_pair,
    wait_for_page,
)
from examples.pixel_url import pixel_url_of

NEWSLETTER: Final = Path(__file__).with_name("newsletter.eml")
CONFIGURATION_ID: Final = "newsletter"

# Everything here is local and quick; whatever takes longer is broken.
DEADLINE_SECONDS: Final = 20

# Whoever fetches within ten seconds of a message's acceptance looks like a scanner.
MAILBOX_SECONDS: Final = 11


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher:
    """Who fetches the pixel, and how that shows in the request."""

    who: str
    address: str
    user_agent: str


SCANNER: Final = Fetcher(
    who="a mail filter, at once",
    address="198.51.100.25",
    user_agent="Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/148.0.0.0",
)
PERSON: Final = Fetcher(
    who=f"a person, {MAILBOX_SECONDS} s later",
    address="203.0.113.7",
    user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.3.0",
)
GMAIL: Final = Fetcher(
    who="Gmail, for a person",
    address="66.249.84.1",
    user_agent="Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0"
    " (via ggpht.com GoogleImageProxy)",
)


def say(text: str) -> None:
    """Print a step of the story."""
    print(f"\n\N{BLACK RIGHT-POINTING TRIANGLE} {text}", flush=True)


async def create_configuration(channel: grpc.aio.Channel) -> None:
    """Create the configuration that the message names."""
    stub = configuration_pb_grpc.ConfigurationServiceStub(channel)
    await stub.CreateConfiguration(
        configuration_pb.CreateConfigurationRequest(
            configuration=configuration_pb.Configuration(
                id=CONFIGURATION_ID,
                display_name="Weekly newsletter",
                open_notifications_enabled=True,
            )
        ),
        timeout=DEADLINE_SECONDS,
    )


async def rewrite(channel: grpc.aio.Channel, raw: bytes) -> bytes:
    """Return the newsletter with a pixel in it."""
    stub = injector_pb_grpc.InjectorServiceStub(channel)
    answer = await stub.RewriteMessage(
        injector_pb.RewriteMessageRequest(
            raw_message=raw,
            configuration_ids=[CONFIGURATION_ID],
            tags={"edition": "28"},
        ),
        timeout=DEADLINE_SECONDS,
    )
    return answer.raw_message


def print_difference(before: bytes, after: bytes) -> None:
    """Print the lines of the message that differ."""
    print()
    for line in difflib.unified_diff(
        before.decode().splitlines(), after.decode().splitlines(), lineterm="", n=1
    ):
        if not line.startswith(("---", "+++", "@@")):
            print(f"  {line}")
    print(f"\n  {len(before):,} octets before, {len(after):,} after")


async def fetch(url: str, fetcher: Fetcher) -> None:
    """Fetch the pixel as *fetcher* does, through a reverse proxy that names the address."""
    headers = {"User-Agent": fetcher.user_agent, "X-Forwarded-For": fetcher.address}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as response:
        response.raise_for_status()


async def recorded_opens(pair: Pair, count: int) -> list[notification_pb.OpenNotification]:
    """Return the notifications of the first *count* opens, once they are there."""
    async with OpenStream(pair.pixel, position=LogEnd.EARLIEST) as opens:
        iterator = aiter(opens)
        return [await anext(iterator) for _ in range(count)]


def print_judgements(
    fetchers: Sequence[Fetcher], notifications: Sequence[notification_pb.OpenNotification]
) -> None:
    """Print who fetched, and what the pixel service thinks of it."""
    print()
    for fetcher, notification in zip(fetchers, notifications, strict=True):
        evidence = notification.open.evidence
        agent = notification_pb.Agent.Name(evidence.agent).removeprefix("AGENT_")
        confidence = notification_pb.Confidence.Name(evidence.confidence)
        sure = confidence.removeprefix("CONFIDENCE_").lower()
        print(f"  {fetcher.who:<24} {agent:<12} {sure:<7} {evidence.signals[0].seen}")


async def tell(pair: Pair) -> None:
    """Tell the story."""
    raw = NEWSLETTER.read_bytes()
    async with grpc.aio.insecure_channel(pair.injector) as injector:
        await create_configuration(injector)
        say(f"{NEWSLETTER.name} goes through the injector service: this is all that changes")
        rewritten = await rewrite(injector, raw)
        print_difference(raw, rewritten)

    fetchers = (SCANNER, PERSON, GMAIL)
    say("Its pixel is fetched three times: the pixel service says by whom, and how sure it is")
    url = pixel_url_of(rewritten)
    await fetch(url, SCANNER)
    print(f"\n  ({MAILBOX_SECONDS} s pass: no person opens a message at once)", flush=True)
    await asyncio.sleep(MAILBOX_SECONDS)
    for fetcher in (PERSON, GMAIL):
        await fetch(url, fetcher)
    notifications = await recorded_opens(pair, len(fetchers))
    print_judgements(fetchers, notifications)

    say("The person's open, as a subscriber receives it (without the message's header)")
    persons = notifications[fetchers.index(PERSON)]
    persons.mail.ClearField("common_headers")
    print(f"\n{MessageToJson(persons, ensure_ascii=False)}")


def show(page: str) -> None:
    """Say where the same is in a browser, and leave it there while somebody may look."""
    wait_for_page(page)
    say(f"The same in a browser: http://{page}/")
    if sys.stdin.isatty():
        with contextlib.suppress(EOFError, KeyboardInterrupt):
            input("\n  Enter stops both services. ")
    else:
        print("\n  (nobody sits there: `make run` keeps it open)")


def main() -> None:
    """Start the pair, tell the story, show the page, stop the pair."""
    say("Both services start, with a temporary data folder and free ports")
    pair, page = pair_on_free_ports(), f"{HOST}:{free_ports(1)}"
    with tempfile.TemporaryDirectory(prefix="emailopens-demo-") as folder:
        data, log = Path(folder), Path(folder, "log")
        try:
            with (
                log.open("wb") as output,
                running_pair(
                    pair,
                    data=data,
                    log=output,
                    more_pixel_options=[
                        "--trusted-proxies=127.0.0.1",
                        *page_options(pair, page),
                    ],
                ),
            ):
                asyncio.run(tell(pair))
                show(page)
        except BaseException:
            sys.stderr.write(log.read_text("utf-8"))
            raise
    say("Both services have stopped.  By hand: see `Try it` in README.md")


if __name__ == "__main__":
    main()
