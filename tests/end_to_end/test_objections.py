"""Recipients who have objected get no pixel, whatever becomes of the pixel service."""

# The stubs for asyncio are known to the type checker only.
from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import grpc

from emailopens.injector.v1 import configuration_service_pb2 as configuration_pb
from emailopens.injector.v1 import configuration_service_pb2_grpc as configuration_pb_grpc
from emailopens.injector.v1 import injector_service_pb2 as pb
from emailopens.injector.v1 import injector_service_pb2_grpc as pb_grpc
from emailopens.pixel.v1 import objection_service_pb2 as objection_pb
from emailopens.pixel.v1 import objection_service_pb2_grpc as objection_pb_grpc
from examples.pair import HOST, Pair, free_ports, pixel_options, running_service
from service_runtime.callers import Role
from tests.fixtures.api_keys import a_key, bearer

KEY: Final = "injector.key"
JANE: Final = "jane@example.com"
RAW: Final = b"To: Jane@example.com\r\nContent-Type: text/html\r\n\r\n<p>text</p>\r\n"
TRACKED: Final = pb.RewriteMessageResponse.OUTCOME_TRACKED
OBJECTED: Final = pb.RewriteMessageResponse.OUTCOME_RECIPIENT_OBJECTED


@contextlib.asynccontextmanager
async def injector_at(
    address: str, *, ports: Pair, data: Path
) -> AsyncIterator[pb_grpc.InjectorServiceAsyncStub]:
    """Run an injector service that asks the pixel service, with the key in the folder."""
    options = [
        f"--grpc={address}",
        f"--data={data}",
        f"--pixel-service={ports.pixel}",
        f"--pixel-service-api-key-file={data / KEY}",
    ]
    with running_service("injector-service", options, ready_at=address):
        async with grpc.aio.insecure_channel(address) as channel:
            yield pb_grpc.InjectorServiceStub(channel)


async def created(address: str) -> None:
    """Create the configuration by the injector service there."""
    async with grpc.aio.insecure_channel(address) as channel:
        await configuration_pb_grpc.ConfigurationServiceStub(channel).CreateConfiguration(
            configuration_pb.CreateConfigurationRequest(
                configuration=configuration_pb.Configuration(
                    id="news", open_notifications_enabled=True
                )
            )
        )


async def rewritten(injector: pb_grpc.InjectorServiceAsyncStub) -> pb.RewriteMessageResponse:
    """Have the message to Jane rewritten; the header names her."""
    return await injector.RewriteMessage(
        pb.RewriteMessageRequest(raw_message=RAW, configuration_ids=["news"])
    )


async def rewritten_for(
    injector: pb_grpc.InjectorServiceAsyncStub, *addresses: str
) -> pb.RewriteForRecipientsResponse:
    """Have it rewritten for these."""
    recipients = [pb.RewriteForRecipientsRequest.Recipient(address=each) for each in addresses]
    return await injector.RewriteForRecipients(
        pb.RewriteForRecipientsRequest(
            raw_message=RAW, configuration_ids=["news"], recipients=recipients
        )
    )


async def until(injector: pb_grpc.InjectorServiceAsyncStub, outcome: int) -> None:
    """Rewrite until this is the outcome."""
    while (await rewritten(injector)).outcome != outcome:
        pass


async def test_who_has_objected_gets_no_pixel(ports: Pair, tmp_path: Path) -> None:
    """Until it is withdrawn, and again; of all processes of a database.

    One that starts while the pixel service is away knows it, too. The key of a sender is
    enough for it.
    """
    jane = objection_pb.CreateObjectionRequest(recipient="Jane <JANE@example.com>")
    other = f"{HOST}:{free_ports(1)}"
    keys = tmp_path / "keys"
    (tmp_path / KEY).write_text(a_key(keys, Role.SENDER)[1])
    operator = bearer(a_key(keys, Role.OPERATOR)[1])
    pixel = [*pixel_options(ports, tmp_path), f"--api-keys={keys}"]
    async with contextlib.AsyncExitStack() as stack:
        with running_service("pixel-service", pixel, ready_at=ports.pixel):
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(ports.pixel))
            objections = objection_pb_grpc.ObjectionServiceStub(channel)
            await objections.CreateObjection(jane, metadata=operator)
            one = await stack.enter_async_context(
                injector_at(ports.injector, ports=ports, data=tmp_path)
            )
            await created(ports.injector)
            # A start waits for the list, but not on a machine that has no time.
            await until(one, OBJECTED)
            untouched = await rewritten(one)
            both = await rewritten_for(one, "bob@example.com", JANE)
            await objections.DeleteObjection(
                objection_pb.DeleteObjectionRequest(recipient=JANE), metadata=operator
            )
            await until(one, TRACKED)
            await objections.CreateObjection(jane, metadata=operator)
            await until(one, OBJECTED)
        async with injector_at(other, ports=ports, data=tmp_path) as two:
            later = [(await rewritten(each)).outcome for each in (one, two)]

    assert untouched.raw_message == RAW
    assert untouched.pixel_url == ""
    assert [each.outcome for each in both.results] == [TRACKED, OBJECTED]
    assert [len(each.splices) for each in both.results] == [1, 0]
    assert later == [OBJECTED, OBJECTED]
