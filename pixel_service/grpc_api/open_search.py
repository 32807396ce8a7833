"""A search through recorded opens, from the newest to the oldest."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final

from emailopens.notification.v1 import open_notification_pb2 as notification_pb
from emailopens.pixel.v1 import pixel_service_pb2 as pb
from pixel_service.errors import CursorAhead
from pixel_service.grpc_api.requests import narrowed, read_configuration_ids
from pixel_service.grpc_api.who import has_message_id, has_recipient
from pixel_service.notification import (
    Matches,
    matches_message,
    matches_recipient,
    matches_subject,
)
from pixel_service.open_log import (
    LogEntry,
    OpenLog,
    Position,
    count_within,
    decode_cursor,
    encode_cursor,
)
from pixel_service.streaming import MAX_BATCH_OCTETS, Selection
from pixel_service.webhooks import Pace
from service_runtime.drain import Drain
from service_runtime.errors import Draining
from service_runtime.field_checks import FieldChecks

DEFAULT_MAX_OPENS: Final = 100
MOST_OPENS: Final = 1_000

MIN_SUBJECT_CHARACTERS: Final = 2
MAX_SUBJECT_CHARACTERS: Final = 200

# Looked at in one step: a few milliseconds, in which the event loop gets nothing done.
_STEP_OPENS: Final = 250


class OpenSearch:
    """Finds opens in a log.

    All searches together take one step after the other, and pause while the event loop is
    late: recording comes first, however many search.
    """

    def __init__(self, open_log: OpenLog, drain: Drain) -> None:
        self._log = open_log
        self._drain = drain
        self._step = asyncio.Lock()
        self._pace = Pace()

    async def search(self, request: pb.SearchOpensRequest) -> AsyncIterator[pb.SearchOpensResponse]:
        """Answer *request*, a step at a time.

        Raises:
            InvalidFields: naming each field that is wrong.
            PixelError: the cursor does not fit, or the log does not answer.
            Draining: the process is about to stop.
        """
        checks = FieldChecks()
        checks.require(request.max_opens >= 0, "max_opens", "must not be negative")
        left = min(request.max_opens or DEFAULT_MAX_OPENS, MOST_OPENS)
        configuration_ids = read_configuration_ids(request.configuration_ids, checks)
        matches = _read_query(request, checks)
        checks.finish()
        selection = narrowed(Selection(configuration_ids=configuration_ids))
        up_to = await self._end_of(request.before_cursor)
        total = max(0, up_to.sequence - (await self._log.earliest()).sequence)
        examined = 0
        while True:
            if self._drain.is_draining:
                raise Draining
            async with self._step:
                await self._pace.turn()
                step = await self._log.read_earlier(up_to=up_to, max_entries=_STEP_OPENS)
                found = [each for each in selection.of(step.entries) if matches(each.notification)]
            up_to, is_complete = step.before, step.at_beginning
            examined += step.examined
            if len(found) > left:
                found = found[:left]
                up_to, is_complete = _before(found[-1]), False
            left -= len(found)
            *earlier, last = _in_parts(found)
            for part in earlier:
                yield self._response(part, _before(part[-1]), examined, total)
            yield self._response(last, up_to, examined, total, is_complete=is_complete)
            if is_complete or not left:
                return

    def _response(
        self,
        found: Sequence[LogEntry],
        before: Position,
        examined: int,
        total: int,
        *,
        is_complete: bool = False,
    ) -> pb.SearchOpensResponse:
        return pb.SearchOpensResponse(
            notifications=[
                notification_pb.OpenNotification.FromString(each.notification) for each in found
            ],
            examined_opens=examined,
            total_opens=total,
            cursor=encode_cursor(before, self._log.identity),
            is_complete=is_complete,
        )

    async def _end_of(self, cursor: str) -> Position:
        head = await self._log.head()
        if not cursor:
            return head
        position = decode_cursor(cursor, self._log.identity)
        if position > head:
            raise CursorAhead(head_cursor=encode_cursor(head, self._log.identity))
        return position


def _read_query(request: pb.SearchOpensRequest, checks: FieldChecks) -> Matches:
    """Return what tells the opens that are looked for; nothing is noted."""
    match request.WhichOneof("query"):
        case "message_id":
            if has_message_id(request.message_id, checks):
                return matches_message(request.message_id)
        case "recipient":
            if has_recipient(request.recipient, checks):
                return matches_recipient(request.recipient)
        case "subject":
            checks.require(
                MIN_SUBJECT_CHARACTERS <= len(request.subject) <= MAX_SUBJECT_CHARACTERS,
                "subject",
                f"must have {MIN_SUBJECT_CHARACTERS} to {MAX_SUBJECT_CHARACTERS} characters",
            )
            return matches_subject(request.subject[:MAX_SUBJECT_CHARACTERS])
        case _:
            checks.refuse("query", "is missing: say what to look for")
    return _nothing


def _nothing(_: bytes) -> bool:
    return False


def _before(entry: LogEntry) -> Position:
    return Position(entry.transaction, entry.sequence - 1)


def _in_parts(entries: Sequence[LogEntry]) -> Iterator[Sequence[LogEntry]]:
    """Yield *entries* in parts that a response may hold; at least one, which may be empty."""
    rest = entries
    while True:
        count = count_within([len(each.notification) for each in rest], MAX_BATCH_OCTETS)
        yield rest[:count]
        rest = rest[count:]
        if not rest:
            return
