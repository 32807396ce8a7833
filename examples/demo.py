"""Shows the whole path once: a message rewritten, its pixel fetched, the open streamed.

make demo
"""

import asyncio
import difflib
import tempfile
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
from emailopens.pixel.v1 import pixel_service_pb2 as pixel_pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pixel_pb_grpc
from examples.pair import Pair, pair_on_free_ports, running_pair
from examples.pixel_url import pixel_url_of

NEWSLETTER: Final = Path(__file__).with_name("newsletter.eml")
CONFIGURATION_ID: Final = "newsletter"
USER_AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.3.0"

# Everything here is local and quick; whatever takes longer is broken.
DEADLINE_SECONDS: Final = 20


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
                notified_headers=["X-Campaign"],
            )
        ),
        timeout=DEADLINE_SECONDS,
    )


async def rewrite(channel: grpc.aio.Channel, raw: bytes) -> injector_pb.RewriteMessageResponse:
    """Have the newsletter rewritten."""
    stub = injector_pb_grpc.InjectorServiceStub(channel)
    return await stub.RewriteMessage(
        injector_pb.RewriteMessageRequest(
            raw_message=raw,
            configuration_ids=[CONFIGURATION_ID],
            tags={"edition": "28"},
        ),
        timeout=DEADLINE_SECONDS,
    )


def print_difference(before: bytes, after: bytes) -> None:
    """Print the lines of the message that differ."""
    for line in difflib.unified_diff(
        before.decode().splitlines(), after.decode().splitlines(), lineterm="", n=1
    ):
        if not line.startswith(("---", "+++")):
            print(f"    {line}")
    print(f"    ({len(before):,} octets before, {len(after):,} after)")


async def fetch(url: str) -> None:
    """Fetch the pixel, as a mail client does."""
    async with (
        aiohttp.ClientSession(headers={"User-Agent": USER_AGENT}) as session,
        session.get(url) as response,
    ):
        body = await response.read()
    print(f"    GET {url[:60]}…")
    print(f"    {response.status} {response.content_type}, {len(body)} octets")
    print(f"    Cache-Control: {response.headers['Cache-Control']}")


async def first_open(channel: grpc.aio.Channel) -> notification_pb.OpenNotification:
    """Return the first notification of the log."""
    stub = pixel_pb_grpc.PixelServiceStub(channel)
    stream = stub.StreamOpens(
        pixel_pb.StreamOpensRequest(
            position=pixel_pb.POSITION_EARLIEST, configuration_ids=[CONFIGURATION_ID]
        ),
        timeout=DEADLINE_SECONDS,
    )
    async for response in stream:
        if response.WhichOneof("event") == "batch":
            stream.cancel()
            return response.batch.notifications[0]
    raise SystemExit("the stream ended without an open")


async def tell(pair: Pair) -> None:
    """Tell the story."""
    raw = NEWSLETTER.read_bytes()
    async with (
        grpc.aio.insecure_channel(pair.injector) as injector,
        grpc.aio.insecure_channel(pair.pixel) as pixel,
    ):
        say(f"Creating the configuration {CONFIGURATION_ID!r}")
        await create_configuration(injector)

        say(f"Rewriting {NEWSLETTER.name}: this is all that changes")
        answer = await rewrite(injector, raw)
        print_difference(raw, answer.raw_message)

        say("Fetching the pixel, as a mail client would")
        await fetch(pixel_url_of(answer.raw_message))

        say("The notification that arrived on StreamOpens")
        notification = await first_open(pixel)
        print(MessageToJson(notification, ensure_ascii=False))


def main() -> None:
    """Start the pair, tell the story, stop the pair."""
    say("Starting both services (temporary data folder, free ports)")
    with (
        tempfile.TemporaryDirectory(prefix="emailopens-demo-") as data,
        running_pair(pair_on_free_ports(), data=Path(data)) as pair,
    ):
        asyncio.run(tell(pair))
        say("Stopping both services")
    print(
        """
By hand, with the environment of this project (. .venv/bin/activate):

    make run                                  # both services, until Ctrl-C
    injector-service configurations create newsletter
    injector-service rewrite --configuration newsletter \\
        < examples/newsletter.eml > out.eml
    pixel-service stream --configuration newsletter --from earliest
"""
    )


if __name__ == "__main__":
    main()
