"""ListOpens does what the comments of `pixel_service.proto` say."""

import grpc
import pytest

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from pixel_service.open_log import encode_cursor
from tests.pixel.grpc_api.rpc_values import failure_of, wrong_fields_of
from tests.pixel.open_log.log_values import event_ids, new_open, new_opens
from tests.pixel.service_values import BEYOND, StreamService


async def pages_of(
    service: StreamService, request: pb.ListOpensRequest
) -> list[pb.ListOpensResponse]:
    """Return all pages of a listing."""
    pages = []
    while True:
        pages.append(await service.pixel.ListOpens(request))
        request.page_token = pages[-1].next_page_token
        if not request.page_token:
            return pages


def event_ids_in(pages: list[pb.ListOpensResponse]) -> list[str]:
    return [each.event_id for page in pages for each in page.notifications]


@pytest.mark.parametrize(
    ("asked", "sizes"), [(0, [100, 100, 50]), (120, [120, 120, 10]), (5_000, [250])]
)
async def test_pages_hold_everything_in_order(
    asked: int, sizes: list[int], service: StreamService
) -> None:
    """From the earliest open on, page by page, until the token is empty."""
    opens = new_opens(250)
    await service.log.append(opens)
    pages = await pages_of(service, pb.ListOpensRequest(page_size=asked))

    assert event_ids_in(pages) == event_ids(opens)
    assert [len(page.notifications) for page in pages] == sizes


async def test_empty_log_is_one_empty_page(service: StreamService) -> None:
    """Its cursor is there all the same."""
    (page,) = await pages_of(service, pb.ListOpensRequest())

    assert list(page.notifications) == []
    assert page.cursor


async def test_streaming_continues_a_listing(service: StreamService) -> None:
    """The cursor of the last page is where the listing ended."""
    await service.log.append(new_opens(3))
    (page,) = await pages_of(service, pb.ListOpensRequest())
    later = new_opens(2)
    await service.log.append(later)
    rest = await pages_of(service, pb.ListOpensRequest(after_cursor=page.cursor))

    assert event_ids_in(rest) == event_ids(later)


async def test_selection_holds_across_pages(service: StreamService) -> None:
    """Only what matches, however little of the log that is."""
    opens = [
        new_open(configuration_id="shop" if number % 500 == 0 else "news")
        for number in range(3_000)
    ]
    await service.log.append(opens)
    pages = await pages_of(service, pb.ListOpensRequest(configuration_ids=["shop"], page_size=4))

    assert event_ids_in(pages) == event_ids(opens[::500])


async def test_large_notifications_make_small_pages(service: StreamService) -> None:
    """A page stays far below what a client takes as one message."""
    opens = [new_open(octets=400_000) for _ in range(7)]
    await service.log.append(opens)
    pages = await pages_of(service, pb.ListOpensRequest())

    assert event_ids_in(pages) == event_ids(opens)
    assert [len(page.notifications) for page in pages] == [2, 2, 2, 1]


async def test_page_token_is_of_its_request_alone(service: StreamService) -> None:
    """Other fields must stay; only the size may change; nonsense is refused."""
    await service.log.append(new_opens(10))
    token = (await service.pixel.ListOpens(pb.ListOpensRequest(page_size=3))).next_page_token
    other_size = pb.ListOpensRequest(page_size=5, page_token=token)
    other_filter = pb.ListOpensRequest(configuration_ids=["shop"], page_token=token)

    assert len((await service.pixel.ListOpens(other_size)).notifications) == 5
    for request in (other_filter, pb.ListOpensRequest(page_token="nonsense")):  # noqa: S106 - of a page
        assert await wrong_fields_of(service.pixel.ListOpens(request)) == ["page_token"]


async def test_wrong_fields_are_named(service: StreamService) -> None:
    """A negative size, a bad ID."""
    request = pb.ListOpensRequest(page_size=-1, configuration_ids=["UPPER"])
    fields = await wrong_fields_of(service.pixel.ListOpens(request))

    assert fields == ["page_size", "configuration_ids[0]"]


async def test_wrong_cursors_have_their_reasons(service: StreamService) -> None:
    """As for streams."""
    ahead = encode_cursor(BEYOND, service.log.identity)
    for text, code, reason in (
        ("nonsense", grpc.StatusCode.INVALID_ARGUMENT, "CURSOR_MALFORMED"),
        (ahead, grpc.StatusCode.OUT_OF_RANGE, "CURSOR_AHEAD"),
    ):
        call = service.pixel.ListOpens(pb.ListOpensRequest(after_cursor=text))
        assert (await failure_of(call))[:2] == (code, reason)
