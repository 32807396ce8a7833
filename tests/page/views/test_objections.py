"""Objections on a page, of a real log behind a real service."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import htpy as h
import pytest

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from pixel_service.open_log import encode_cursor
from pixel_service.page.views.messages import show_message
from pixel_service.page.views.objections import object_for
from pixel_service.page.visit import Visit
from service_runtime.callers import Role
from tests.page.markup import HOSTILE, text_of, what_runs
from tests.pixel.open_log.log_values import an_open_of
from tests.pixel.service_values import StreamService, a_log, streaming


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[StreamService]:
    async with a_log(tmp_path) as log, streaming(log) as running:
        yield running


@contextlib.asynccontextmanager
async def slow_search(asked: list[pb.SearchOpensRequest]) -> AsyncIterator[Visit]:
    """Serve a search that comes to no end in the time of a page, and nothing else; look at it."""

    async def search(
        request: pb.SearchOpensRequest, _context: object
    ) -> AsyncIterator[pb.SearchOpensResponse]:
        asked.append(request)
        yield pb.SearchOpensResponse(examined_opens=1_000, total_opens=9_000, cursor="here")

    handler = grpc.unary_stream_rpc_method_handler(
        search,
        request_deserializer=pb.SearchOpensRequest.FromString,
        response_serializer=pb.SearchOpensResponse.SerializeToString,
    )
    handlers = grpc.method_handlers_generic_handler(
        "emailopens.pixel.v1.PixelService", {"SearchOpens": handler}
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([handlers])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Visit(channel=channel)
    finally:
        await server.stop(grace=None)


@pytest.fixture
async def visit(service: StreamService) -> AsyncIterator[Visit]:
    async with grpc.aio.insecure_channel(service.address) as channel:
        yield Visit(channel=channel)


async def test_recipient_objects_and_withdraws(service: StreamService, visit: Visit) -> None:
    """Asking changes nothing; what is taken is found from another message, too."""
    for message_id in ("m1", "m2"):
        await service.log.append([an_open_of(message_id, destination=["jane@example.com"])])
    assert "Taken no" in text_of(await object_for(visit, "m1", {}))
    taken = text_of(await object_for(visit, "m1", {"do": "object"}))
    assert "Of jane@example.com" in taken
    assert "no open of any message to this address" in taken
    assert "Withdraw" in text_of(await object_for(visit, "m2", {}))
    assert "Taken no" in text_of(await object_for(visit, "m2", {"do": "withdraw"}))


async def test_objection_is_to_the_message_where_its_recipient_is_not_kept(
    service: StreamService, visit: Visit
) -> None:
    """And the page says so."""
    await service.log.append([an_open_of("m1")])
    page = text_of(await object_for(visit, "m1", {"do": "object"}))
    assert "to this message alone" in page
    assert "Withdraw" in page


async def test_nothing_is_taken_while_it_is_not_known_whose_message_it_is() -> None:
    """An objection to the message alone would leave whoever has objected tracked by all others."""
    asked: list[pb.SearchOpensRequest] = []
    async with slow_search(asked) as visit:
        # A call of ObjectionService would fail: there is none.
        page = await object_for(visit, "m1", {"do": "object"}, before="so far")

    assert [each.before_cursor for each in asked] == ["so far"]
    assert "1,000 of 9,000 opens of the log looked at" in text_of(page)


async def test_objection_is_taken_from_where_the_message_was_found(
    service: StreamService, visit: Visit
) -> None:
    """Whoever has looked for it far back does not look again from the end."""
    await service.log.append([an_open_of("m1", destination=["jane@example.com"])])
    before = encode_cursor(await service.log.head(), service.log.identity)
    await service.log.append([an_open_of("m1"), an_open_of("m2")])

    page = str(h.fragment[await object_for(visit, "m1", {"do": "object"}, before=before)])

    assert "jane@example.com" in page
    assert f'action="/messages/m1/objection?before={before}"' in page


async def test_what_a_message_says_is_data(service: StreamService, visit: Visit) -> None:
    """Also where its recipient is no address, which the service refuses."""
    await service.log.append([an_open_of("m1", destination=[HOSTILE])])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await object_for(visit, "m1", {})
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    await service.log.append([an_open_of("m2", destination=["<i>@example.com"])])
    assert what_runs(await show_message(visit, "m2")) == []


@pytest.mark.parametrize(
    ("role", "is_offered"), [(None, True), (Role.ADMIN, True), (Role.SUBSCRIBER, False)]
)
async def test_objection_is_offered_to_those_who_may_take_it(
    service: StreamService, visit: Visit, role: Role | None, *, is_offered: bool
) -> None:
    """The others do not see a button that would only refuse."""
    await service.log.append([an_open_of("m1")])
    page = await show_message(Visit(channel=visit.channel, role=role), "m1")
    assert ("Objection…" in text_of(page)) is is_offered
