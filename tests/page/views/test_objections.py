"""Objections on a page, of a real log behind a real service."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

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
