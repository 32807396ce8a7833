"""A recipient asks to be forgotten: erasing through the command, beside running services."""

# The stubs for asyncio are known to the type checker only.
from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import grpc
import pytest

from emailopens.injector.v1 import configuration_service_pb2 as configuration_pb
from emailopens.injector.v1 import configuration_service_pb2_grpc as configuration_pb_grpc
from emailopens.injector.v1 import injector_service_pb2 as injector_pb
from emailopens.injector.v1 import injector_service_pb2_grpc as injector_pb_grpc
from emailopens.pixel.v1 import pixel_service_pb2 as pixel_pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pixel_pb_grpc
from examples.pair import Pair, pair_on_free_ports, running_pair
from tests.end_to_end.test_pair import fetch, read
from tests.fixtures.files import octets_below

PROGRAM = Path(sys.executable).with_name("pixel-service")

# Named by the envelope alone: no header field of the message holds it.
BLIND = "blind-copy-wqz@example.net"
OTHER = "somebody-else@example.org"

MESSAGE = (
    b"From: sender@example.com\r\nTo: undisclosed-recipients:;\r\nSubject: Hello\r\n"
    b"Content-Type: text/html\r\n\r\n<body><p>Hello</p></body>\r\n"
)

CONFIGURATIONS = [
    configuration_pb.Configuration(id="loud", open_notifications_enabled=True),
    configuration_pb.Configuration(id="quiet", open_statistics_enabled=True),
]


@pytest.fixture
def own_pair(tmp_path: Path) -> Iterator[Pair]:
    """Run a pair of the test's own, because every file that it writes is searched."""
    with running_pair(pair_on_free_ports(), data=tmp_path) as addresses:
        yield addresses


async def pixels_of(pair: Pair, recipients: list[str]) -> list[str]:
    """Rewrite a message to each of *recipients*; return the URLs of the pixels."""
    async with grpc.aio.insecure_channel(pair.injector) as channel:
        configurations = configuration_pb_grpc.ConfigurationServiceStub(channel)
        for each in CONFIGURATIONS:
            await configurations.CreateConfiguration(
                configuration_pb.CreateConfigurationRequest(configuration=each)
            )
        stub = injector_pb_grpc.InjectorServiceStub(channel)
        requests = [
            injector_pb.RewriteMessageRequest(
                raw_message=MESSAGE,
                configuration_ids=[each.id for each in CONFIGURATIONS],
                recipients=[recipient],
            )
            for recipient in recipients
        ]
        return [(await stub.RewriteMessage(request)).pixel_url for request in requests]


async def run(*arguments: str) -> str:
    """Run `pixel-service` with *arguments*; return its output."""
    process = await asyncio.create_subprocess_exec(PROGRAM, *arguments, stdout=subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


def are_written(data: Path, address: str) -> bool:
    """Return whether *address* is in any file below *data*."""
    return address.encode() in octets_below(data)


@pytest.mark.timeout(120)
async def test_erasing_a_blind_recipient_leaves_nothing_and_streams_go_on(
    own_pair: Pair, tmp_path: Path
) -> None:
    """No file holds the address, nothing is counted, and a cursor resumes after the gap."""
    request = pixel_pb.StreamOpensRequest(
        position=pixel_pb.POSITION_EARLIEST, configuration_ids=["loud"], max_batch_size=1
    )
    other, blind = await pixels_of(own_pair, [OTHER, BLIND])
    target = f"--target={own_pair.pixel}"
    async with (
        aiohttp.ClientSession() as browser,
        grpc.aio.insecure_channel(own_pair.pixel) as channel,
    ):
        for url in (other, blind, other):
            await fetch(browser, url)
        stub = pixel_pb_grpc.PixelServiceStub(channel)
        before, cursors = await read(stub, request, 3)
        assert [list(each.mail.destination) for each in before] == [[OTHER], [BLIND], [OTHER]]
        assert are_written(tmp_path, BLIND)

        # The open that is notified, and the one that is only counted.
        erased = await run("opens", "erase", target, f"--recipient={BLIND.upper()}")
        assert erased == "2 opens erased\n"
        assert not are_written(tmp_path, BLIND)
        assert are_written(tmp_path, OTHER)

        await fetch(browser, other)
        resumed = pixel_pb.StreamOpensRequest(after_cursor=cursors[1], configuration_ids=["loud"])
        after, _ = await read(stub, resumed, 2)

    assert after[0] == before[2]
    assert [each.open.evidence.open_number for each in after] == [2, 3]
    assert await run("opens", "erase", target, f"--recipient={BLIND}") == ("0 opens erased\n")
