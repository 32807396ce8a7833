"""What an injector service knows of objections when its pixel service is away or wrong."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import grpc
import prometheus_client
import pytest
from structlog.testing import capture_logs

from emailopens.injector.v1 import injector_service_pb2 as injector_pb
from emailopens.pixel.v1 import objection_service_pb2 as pb
from examples.pair import HOST, free_ports
from injector_service.configurations.store import ConfigurationStore
from injector_service.metrics import InjectorMetrics
from injector_service.objections import ObjectedStore, following
from injector_service.pixel_service import PixelService
from injector_service.settings import Settings
from service_runtime.objection_digests import recipient_digest
from tests.injector.running_service import running_service

RAW: Final = b"To: jane@example.com\r\nContent-Type: text/html\r\n\r\n<p>text</p>\r\n"
KEY: Final = b"key"
LIST: Final = pb.ListObjectionDigestsResponse(
    change=7, key=KEY, digests=recipient_digest("jane@example.com", KEY)
)


class Answering:
    """What a pixel service says: always the same."""

    def __init__(self, answer: pb.ListObjectionDigestsResponse) -> None:
        self._answer = answer
        self.known: list[int] = []

    async def list_digests(
        self, request: pb.ListObjectionDigestsRequest, _: "grpc.aio.ServicerContext[Any, Any]"
    ) -> pb.ListObjectionDigestsResponse:
        """Say it."""
        self.known.append(request.unless_change)
        if request.HasField("unless_change") and request.unless_change == self._answer.change:
            return pb.ListObjectionDigestsResponse(change=self._answer.change, is_unchanged=True)
        return self._answer

    def handler(self) -> grpc.GenericRpcHandler:
        """Return what a server needs."""
        method = grpc.unary_unary_rpc_method_handler(
            self.list_digests,
            request_deserializer=pb.ListObjectionDigestsRequest.FromString,
            response_serializer=pb.ListObjectionDigestsResponse.SerializeToString,
        )
        service = pb.DESCRIPTOR.services_by_name["ObjectionService"].full_name
        return grpc.method_handlers_generic_handler(service, {"ListObjectionDigests": method})


@contextlib.asynccontextmanager
async def answering(
    answer: pb.ListObjectionDigestsResponse,
) -> AsyncIterator[tuple[PixelService, Answering]]:
    """Serve *answer* inside the block."""
    server = grpc.aio.server()
    said = Answering(answer)
    server.add_generic_rpc_handlers((said.handler(),))
    port = server.add_insecure_port(f"{HOST}:0")
    await server.start()
    try:
        yield PixelService(target=f"{HOST}:{port}"), said
    finally:
        await server.stop(None)


def nobody() -> PixelService:
    return PixelService(target=f"{HOST}:{free_ports(1)}")


async def test_nothing_is_tracked_before_anybody_has_said_who_objected(tmp_path: Path) -> None:
    """A service that was told to ask, and has never had an answer, puts in no pixel."""
    settings = Settings(grpc=f"{HOST}:0", data=tmp_path, pixel_service=nobody())
    async with running_service(settings) as service:
        await service.create("news")
        answer = await service.injector.RewriteMessage(
            injector_pb.RewriteMessageRequest(raw_message=RAW, configuration_ids=["news"])
        )

    assert answer.outcome == injector_pb.RewriteMessageResponse.OUTCOME_OBJECTIONS_UNKNOWN
    assert answer.raw_message == RAW


async def test_list_is_remembered(store: ConfigurationStore) -> None:
    """The next start has it without the pixel service, and asks for what is new alone."""
    remembered = ObjectedStore(store.engine)
    async with (
        answering(LIST) as (pixel_service, _),
        following(pixel_service, allows_plaintext=False, store=remembered) as follower,
    ):
        while await remembered.load() is None:
            pass
        assert follower.condition().holds
    async with following(nobody(), allows_plaintext=False, store=remembered) as without:
        assert (without.objected.count, without.objected.change) == (1, 7)
    async with (
        answering(LIST) as (pixel_service, said),
        following(pixel_service, allows_plaintext=False, store=remembered) as follower,
    ):
        while not said.known:
            await follower.first_answer()
    assert said.known[0] == 7


@pytest.mark.parametrize(
    "answer",
    [
        pb.ListObjectionDigestsResponse(change=1),
        pb.ListObjectionDigestsResponse(change=1, key=b"k" * 65),
        pb.ListObjectionDigestsResponse(change=1, key=KEY, digests=b"15 octets of it"),
    ],
    ids=["without a key", "with a long key", "with half a digest"],
)
async def test_answer_that_is_no_list_is_refused(
    answer: pb.ListObjectionDigestsResponse, store: ConfigurationStore
) -> None:
    """What was known stays, and operators are told."""
    remembered = ObjectedStore(store.engine)
    with capture_logs() as logs:
        async with (
            answering(answer) as (pixel_service, _),
            following(pixel_service, allows_plaintext=False, store=remembered) as follower,
        ):
            while not logs:
                await follower.first_answer()
            assert follower.objected.change is None
            assert not follower.condition().holds

    assert [each["event"] for each in logs] == ["objections not asked for"]


async def test_metrics_say_how_old_the_list_is(store: ConfigurationStore) -> None:
    """And how many recipients are on it."""
    metrics = InjectorMetrics()
    async with (
        answering(LIST) as (pixel_service, _),
        following(
            pixel_service, allows_plaintext=False, store=ObjectedStore(store.engine)
        ) as follower,
    ):
        while follower.objected.change is None:
            await follower.first_answer()
        metrics.follow_objections(
            count=lambda: follower.objected.count, age_seconds=lambda: follower.age_seconds
        )
        text = prometheus_client.generate_latest(metrics.registry).decode()

    assert "emailopens_injector_objections 1.0" in text
    assert "emailopens_injector_objections_age_seconds" in text
