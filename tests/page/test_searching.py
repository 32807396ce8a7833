"""Searches that a page waits for, of a service that hangs."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator

import grpc
import pytest

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from pixel_service.page.searching import all_opens, search

MOMENT = dt.timedelta(milliseconds=50)


@contextlib.asynccontextmanager
async def hanging_after(
    *responses: pb.SearchOpensResponse,
) -> AsyncIterator["pb_grpc.PixelServiceAsyncStub"]:
    """Serve what says so much of a search and nothing more, and call it."""

    async def say(_request: object, _context: object) -> AsyncIterator[pb.SearchOpensResponse]:
        for response in responses:
            yield response
        await asyncio.Event().wait()

    handler = grpc.unary_stream_rpc_method_handler(
        say,
        request_deserializer=pb.SearchOpensRequest.FromString,
        response_serializer=pb.SearchOpensResponse.SerializeToString,
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(
                "emailopens.pixel.v1.PixelService", {"SearchOpens": handler}
            )
        ]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield pb_grpc.PixelServiceStub(channel)
    finally:
        await server.stop(grace=None)


async def test_search_that_says_nothing_is_no_search_without_a_result() -> None:
    """Whoever looks is told that the service does not answer, and not that there is nothing."""
    async with hanging_after() as stub:
        with pytest.raises(TimeoutError):
            await search(stub, pb.SearchOpensRequest(subject="x"), patience=MOMENT)


async def test_search_that_takes_long_shows_what_it_has() -> None:
    """And how far it came, so that it can go on from there."""
    come = pb.SearchOpensResponse(examined_opens=1_000, total_opens=9_000, cursor="here")
    async with hanging_after(come) as stub:
        # Until it has come: a busy machine takes longer.
        patience, found = MOMENT, None
        while found is None:
            with contextlib.suppress(TimeoutError):
                found = await search(stub, pb.SearchOpensRequest(subject="x"), patience=patience)
            patience *= 2

    assert found.last == come


async def test_export_of_a_service_that_falls_silent_ends() -> None:
    """It does not hold a connection and a call for ever."""
    async with hanging_after() as stub:
        with pytest.raises(TimeoutError):
            await anext(all_opens(stub, "m1", silence=MOMENT))
