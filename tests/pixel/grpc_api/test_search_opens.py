"""SearchOpens does what the comments of `pixel_service.proto` say."""

import asyncio

import grpc
import pytest

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from pixel_service.open_log import EarlierEntries, Position, encode_cursor
from tests.pixel.grpc_api.rpc_values import fields_of, info_of
from tests.pixel.open_log.log_values import an_open_of, event_ids, new_open, new_opens
from tests.pixel.service_values import BEYOND, StreamService


async def search(
    service: StreamService, request: pb.SearchOpensRequest
) -> list[pb.SearchOpensResponse]:
    return [response async for response in service.pixel.SearchOpens(request)]


async def found(service: StreamService, request: pb.SearchOpensRequest) -> list[str]:
    """Return the event IDs of what is found, in its order."""
    responses = await search(service, request)
    assert responses[-1].is_complete
    return [each.event_id for response in responses for each in response.notifications]


async def failure(service: StreamService, request: pb.SearchOpensRequest) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await search(service, request)
    return caught.value


async def test_opens_of_a_message_are_found_the_newest_first(service: StreamService) -> None:
    """All of them and no other's, also where one ID begins as another does."""
    opens = [an_open_of("m1"), an_open_of("m2"), an_open_of("m11"), an_open_of("m1")]
    await service.log.append([*opens, new_open("counted:0", notified=False)])

    assert await found(service, pb.SearchOpensRequest(message_id="m1")) == event_ids(
        [opens[3], opens[0]]
    )


async def test_opens_of_a_recipient_are_found(service: StreamService) -> None:
    """In the envelope and in the header, without regard to case and display name."""
    opens = [
        an_open_of(destination=["Jane@Example.com"]),
        an_open_of(to=["Jane <jane@example.COM>"]),
        an_open_of(destination=["mary-jane@example.com"]),
        an_open_of(subject="jane@example.com"),
    ]
    await service.log.append(opens)

    request = pb.SearchOpensRequest(recipient="Jane D. <jane@example.com>")
    assert await found(service, request) == event_ids([opens[1], opens[0]])


@pytest.mark.parametrize(
    "text", ["crème", "CRÈME brû", "brûlée for you"], ids=["part", "upper case", "the end"]
)
async def test_subjects_are_found_as_people_read_them(text: str, service: StreamService) -> None:
    """Encoded words and raw octets alike, whatever the case."""
    opens = [
        an_open_of(subject="=?utf-8?q?Cr=C3=A8me_br=C3=BBl=C3=A9e?= for you"),
        an_open_of(subject="Crème brûlée for you"),
        an_open_of(subject="=?utf-8?b?Q3LDqG1lIGJyw7tsw6ll?= for you"),
        an_open_of(subject="Creme brulee for you"),
        an_open_of(),
    ]
    await service.log.append(opens)

    request = pb.SearchOpensRequest(subject=text)
    assert await found(service, request) == event_ids(opens[:3][::-1])


async def test_plain_subjects_are_found_in_encoded_ones(service: StreamService) -> None:
    """What is asked for in ASCII may be encoded in the message."""
    opens = [
        an_open_of(subject="=?utf-8?b?U1BSSU5HIFNBTEU=?="),
        an_open_of(subject="The Spring sale"),
    ]
    await service.log.append([*opens, an_open_of(subject="The springtime sale")])

    request = pb.SearchOpensRequest(subject="spring sale")
    assert await found(service, request) == event_ids(opens[::-1])


async def test_only_the_configurations_asked_for_are_searched(service: StreamService) -> None:
    """An open of another is not found."""
    opens = [an_open_of(configuration_id="news"), an_open_of(configuration_id="other")]
    await service.log.append(opens)

    request = pb.SearchOpensRequest(message_id="m", configuration_ids=["other"])
    assert await found(service, request) == event_ids(opens[1:])


async def test_a_search_goes_on_where_it_ended(service: StreamService) -> None:
    """Two at a time, across steps: each open once, and progress is said."""
    opens = [an_open_of("wanted") for _ in range(5)]
    others = new_opens(1_200)
    await service.log.append([*opens[:1], *others, *opens[1:]])

    calls: list[list[str]] = []
    cursor, is_complete = "", False
    while not is_complete:
        request = pb.SearchOpensRequest(message_id="wanted", max_opens=2, before_cursor=cursor)
        responses = await search(service, request)
        calls.append([each.event_id for one in responses for each in one.notifications])
        last = responses[-1]
        cursor, is_complete = last.cursor, last.is_complete
        assert 0 < last.examined_opens <= last.total_opens or is_complete

    wanted = event_ids(opens)[::-1]
    assert [each for each in calls if each] == [wanted[:2], wanted[2:4], wanted[4:]]
    assert len(calls) <= 4


async def test_no_response_is_larger_than_a_client_takes(service: StreamService) -> None:
    """What one step finds comes in parts, each with a cursor after which the rest follows."""
    opens = [an_open_of("m", subject="x" * 9_000) for _ in range(500)]
    await service.log.append(opens)
    responses = await search(service, pb.SearchOpensRequest(message_id="m", max_opens=500))
    cursor = responses[0].cursor
    going_on = pb.SearchOpensRequest(message_id="m", max_opens=500, before_cursor=cursor)
    rest = [each.event_id for one in await search(service, going_on) for each in one.notifications]

    first = [each.event_id for each in responses[0].notifications]
    assert len(responses) > 1
    assert all(response.ByteSize() < 1_500_000 for response in responses)
    assert [response.is_complete for response in responses[:-1]] == [False] * (len(responses) - 1)
    assert [*first, *rest] == event_ids(opens)[::-1]


async def test_an_empty_log_is_searched_at_once(service: StreamService) -> None:
    """One response, and nothing in it."""
    (response,) = await search(service, pb.SearchOpensRequest(message_id="m"))

    assert (response.is_complete, response.examined_opens, response.total_opens) == (True, 0, 0)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.SearchOpensRequest(), "query"),
        (pb.SearchOpensRequest(message_id="no ID"), "message_id"),
        (pb.SearchOpensRequest(recipient="nobody"), "recipient"),
        (pb.SearchOpensRequest(recipient="a" * 1_001), "recipient"),
        (pb.SearchOpensRequest(subject="x"), "subject"),
        (pb.SearchOpensRequest(subject="x" * 201), "subject"),
        (pb.SearchOpensRequest(subject="xy", max_opens=-1), "max_opens"),
        (pb.SearchOpensRequest(subject="xy", configuration_ids=["?"]), "configuration_ids[0]"),
    ],
)
async def test_wrong_fields_are_named(
    request_: pb.SearchOpensRequest, field: str, service: StreamService
) -> None:
    """Each with its name."""
    error = await failure(service, request_)

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert field in fields_of(error)


@pytest.mark.parametrize(
    "request_",
    [
        pb.SearchOpensRequest(message_id="alice@" * 1_000),
        pb.SearchOpensRequest(recipient="alice@"),
    ],
)
async def test_what_was_looked_for_is_not_repeated(
    request_: pb.SearchOpensRequest, service: StreamService
) -> None:
    """It may be an address, and so long that no error holds it."""
    error = await failure(service, request_)

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "alice" not in str(error.details())


async def test_many_searches_read_as_one_would(
    service: StreamService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many search a log that is large, recording has the time that it needs."""
    await service.log.append(new_opens(600))
    read_earlier, at_once = service.log.read_earlier, [0]

    async def watched(*, up_to: Position, max_entries: int) -> EarlierEntries:
        at_once.append(at_once[-1] + 1)
        found = await read_earlier(up_to=up_to, max_entries=max_entries)
        at_once.append(at_once[-1] - 1)
        return found

    monkeypatch.setattr(service.log, "read_earlier", watched)
    request = pb.SearchOpensRequest(subject="no such words")
    found = await asyncio.gather(*(search(service, request) for _ in range(10)))

    assert max(at_once) == 1
    assert [responses[-1].is_complete for responses in found] == [True] * 10


async def test_cursors_that_do_not_fit_are_refused(service: StreamService) -> None:
    """One beyond the end, and one that is none."""
    ahead = pb.SearchOpensRequest(
        subject="xy", before_cursor=encode_cursor(BEYOND, service.log.identity)
    )
    malformed = pb.SearchOpensRequest(subject="xy", before_cursor="no cursor")

    assert info_of(await failure(service, ahead))[:2] == (
        grpc.StatusCode.OUT_OF_RANGE,
        "CURSOR_AHEAD",
    )
    assert info_of(await failure(service, malformed))[1] == "CURSOR_MALFORMED"


async def test_a_process_that_is_about_to_stop_ends_a_search(service: StreamService) -> None:
    """With what makes the client call again."""
    service.drain.begin()

    error = await failure(service, pb.SearchOpensRequest(message_id="m"))
    assert info_of(error)[:2] == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
