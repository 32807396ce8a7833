"""Nothing that operators and callers see tells who was written to, and what."""

# The stubs for asyncio are known to the type checker only.
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import grpc
import pytest

from emailopens.injector.v1 import configuration_service_pb2 as configuration_pb
from emailopens.injector.v1 import configuration_service_pb2_grpc as configuration_pb_grpc
from emailopens.injector.v1 import injector_service_pb2 as injector_pb
from emailopens.injector.v1 import injector_service_pb2_grpc as injector_pb_grpc
from emailopens.pixel.v1 import pixel_service_pb2 as pixel_pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pixel_pb_grpc
from emailopens_client import LogEnd, OpenStream
from examples.pair import Pair, pair_on_free_ports, running_pair
from examples.pixel_url import pixel_url_of
from service_runtime.key_ring import format_key_ring, generate_key_ring, write_key_ring

Call = grpc.aio.UnaryUnaryCall[Any, Any]

RING = generate_key_ring()

# Words that are nowhere else, in each kind of value that must not be told.
ADDRESS = "quitebashful@hermit.example"
SENDER = "grumbling@landlord.example"
IP_ADDRESS = "203.0.113.77"
SUBJECT = "Rent for the lighthouse"
TEXT = "The lamp oil is on the third step"

RAW = (
    f"From: <{SENDER}>\r\nTo: <{ADDRESS}>\r\nSubject: {SUBJECT}\r\n"
    f"Content-Type: text/html\r\n\r\n<p>{TEXT}</p>\r\n"
).encode()


class Talkative(NamedTuple):
    """A pair that logs all it can to a file."""

    pair: Pair
    log: Path
    admins: tuple[str, ...]


@pytest.fixture
async def talkative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Talkative]:
    write_key_ring(tmp_path / "token_keys", RING)
    for name in ("INJECTOR", "PIXEL"):
        monkeypatch.setenv(f"EMAILOPENS_{name}_LOG_LEVEL", "debug")
    addresses = pair_on_free_ports()
    injector_admin = pair_on_free_ports().admin
    monkeypatch.setenv("EMAILOPENS_INJECTOR_ADMIN", injector_admin)
    monkeypatch.setenv("EMAILOPENS_PIXEL_TRUSTED_PROXIES", "127.0.0.1")
    log = tmp_path / "log"
    with (
        log.open("wb") as output,
        running_pair(addresses, data=tmp_path, log=output) as pair,
    ):
        yield Talkative(pair, log, (pair.admin, injector_admin))


async def error_of(call: Call) -> str:
    """Return all that a call that must fail says."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return f"{raised.value.details()} {raised.value.trailing_metadata()}"


async def refused_calls(pair: Pair) -> list[str]:
    """Make the mistakes that a caller can make with values; return what each was told."""
    request = injector_pb.RewriteMessageRequest
    configuration = configuration_pb.Configuration
    create = configuration_pb.CreateConfigurationRequest
    async with (
        grpc.aio.insecure_channel(pair.injector) as to_injector,
        grpc.aio.insecure_channel(pair.pixel) as to_pixel,
    ):
        injector = injector_pb_grpc.InjectorServiceStub(to_injector)
        configurations = configuration_pb_grpc.ConfigurationServiceStub(to_injector)
        pixel = pixel_pb_grpc.PixelServiceStub(to_pixel)
        calls: list[Call] = [
            injector.RewriteMessage(request(raw_message=RAW.replace(b"From", b"Form"))),
            injector.RewriteMessage(request(raw_message=RAW, configuration_ids=["none"])),
            injector.RewriteMessage(request(raw_message=RAW, recipients=[f"{ADDRESS}, "])),
            injector.RewriteMessage(
                request(raw_message=RAW, configuration_ids=["home"], tags={ADDRESS: TEXT})
            ),
            configurations.CreateConfiguration(create(configuration=configuration(id=ADDRESS))),
            *(
                configurations.CreateConfiguration(
                    create(configuration=configuration(id="bad", senders=[sender]))
                )
                for sender in (SENDER, f"{SENDER} {SUBJECT}")
            ),
            pixel.ListOpens(pixel_pb.ListOpensRequest(after_cursor=ADDRESS)),
        ]
        return [await error_of(call) for call in calls]


async def fetched(pair: Pair, token: str) -> None:
    """Fetch what the *token* names, over HTTP of every quality."""
    headers = {"X-Forwarded-For": IP_ADDRESS, "Referer": ADDRESS}
    async with aiohttp.ClientSession(headers=headers) as browser:
        for each in (token, token[:-1], f"{token}A"):
            async with browser.get(f"http://{pair.pixel_http}/o/{each}.gif") as response:
                assert response.status == 200
    reader, writer = await asyncio.open_connection(*pair.pixel_http.split(":"))
    writer.write(f"GET /o/{token}.gif HTTP/9.9\r\n{ADDRESS}\x00\r\n\r\n".encode())
    await reader.read()
    writer.close()


async def metrics(addresses: Sequence[str]) -> str:
    async with aiohttp.ClientSession() as operator:
        found = []
        for address in addresses:
            async with operator.get(f"http://{address}/metrics") as response:
                found.append(await response.text())
        return "".join(found)


@pytest.mark.guarantee(
    "G7",
    "No log line, metric label or error carries a token, key, address, subject or message text",
)
async def test_no_value_of_a_message_is_told(talkative: Talkative) -> None:
    """Not in the log at its most talkative, in metrics, or in errors, whatever goes wrong."""
    pair, log, admins = talkative
    async with grpc.aio.insecure_channel(pair.injector) as channel:
        await configuration_pb_grpc.ConfigurationServiceStub(channel).CreateConfiguration(
            configuration_pb.CreateConfigurationRequest(
                configuration=configuration_pb.Configuration(
                    id="home", senders=[SENDER], open_notifications_enabled=True
                )
            )
        )
        answer = await injector_pb_grpc.InjectorServiceStub(channel).RewriteMessage(
            injector_pb.RewriteMessageRequest(raw_message=RAW, configuration_ids=["home"])
        )
    token = pixel_url_of(answer.raw_message).rpartition("/")[2].removesuffix(".gif")
    await fetched(pair, token)
    # What was answered is in the log a little later.
    async with asyncio.timeout(60), OpenStream(pair.pixel, position=LogEnd.EARLIEST) as opens:
        found = [await anext(opens)]
    errors = await refused_calls(pair)
    told = "".join([log.read_text("utf-8"), await metrics(admins), *errors])

    # What must be known to those who subscribe: so the search can find it.
    assert [each.open.ip_address for each in found] == [IP_ADDRESS]
    assert "serving pixels" in told
    assert "fetches_total" in told
    assert "emailopens_injector_messages_total" in told
    _, _, key = format_key_ring(RING).strip().partition(":")
    values = (token, key, ADDRESS, SENDER, IP_ADDRESS, SUBJECT, TEXT)
    words = ("bashful", "grumbling", "lighthouse", "lamp oil", token[:24], key[:24])
    assert [
        line for line in told.splitlines() if any(each in line for each in (*values, *words))
    ] == []
