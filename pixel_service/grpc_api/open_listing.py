"""Pages of recorded opens, for those who do not stream."""

import hashlib
from typing import Final

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from pixel_service.errors import CursorForeignLog, CursorMalformed
from pixel_service.grpc_api.batch_octets import page_octets
from pixel_service.grpc_api.requests import narrowed, read_selection, read_start
from pixel_service.open_log import (
    LogEntry,
    OpenLog,
    Position,
    count_within,
    decode_cursor,
    encode_cursor,
)
from pixel_service.streaming import MAX_BATCH_OCTETS, NamedPosition, Selection, Start, position_of
from service_runtime.field_checks import FieldChecks

DEFAULT_PAGE_SIZE: Final = 100
MAX_PAGE_SIZE: Final = 1_000

# What one call reads at most when little matches: a tenth of a second's work.
_MAX_READS: Final = 50
_READ_ENTRIES: Final = 1_000

# Ties a page token to the request that it continues; what it guards against is a
# mistake, not an attack.
_FINGERPRINT_OCTETS: Final = 8
_SEPARATOR: Final = "."


class OpenListing:
    """Lists the opens of a log."""

    def __init__(self, open_log: OpenLog) -> None:
        self._log = open_log

    async def page(self, request: pb.ListOpensRequest) -> bytes:
        """Return the `ListOpensResponse` to *request*, serialized.

        Raises:
            InvalidFields: naming each field that is wrong.
            PixelError: the cursor does not fit, or the log does not answer.
        """
        checks = FieldChecks()
        page_size = checks.page_size(
            request.page_size, default=DEFAULT_PAGE_SIZE, most=MAX_PAGE_SIZE
        )
        selection = read_selection(request.configuration_ids, request.filter, checks)
        start = self._start(request, checks)
        checks.finish()
        selection = narrowed(selection)
        position = start if isinstance(start, Position) else await position_of(start, self._log)
        entries, after, at_head = await self._read(position, selection, page_size)
        text = encode_cursor(after, self._log.identity)
        rest = pb.ListOpensResponse(
            cursor=text,
            next_page_token="" if at_head else f"{text}{_SEPARATOR}{_fingerprint(request)}",
        )
        return page_octets(entry.notification for entry in entries) + rest.SerializeToString()

    def _start(self, request: pb.ListOpensRequest, checks: FieldChecks) -> Start | Position:
        if request.page_token:
            return self._continued(request, checks)
        which = request.WhichOneof("start")
        if which is None:
            return NamedPosition.EARLIEST
        return read_start(request, which, checks, oneof="start")

    def _continued(self, request: pb.ListOpensRequest, checks: FieldChecks) -> Start | Position:
        text, _, fingerprint = request.page_token.partition(_SEPARATOR)
        try:
            position = decode_cursor(text, self._log.identity)
        except (CursorMalformed, CursorForeignLog):
            checks.refuse("page_token", "is not one that this log gave")
            return NamedPosition.EARLIEST
        checks.require(
            fingerprint == _fingerprint(request),
            "page_token",
            "is of another request: the other fields must be as they were",
        )
        return position

    async def _read(
        self, after: Position, selection: Selection, page_size: int
    ) -> tuple[list[LogEntry], Position, bool]:
        """Return what is selected, where that ends, and whether that is the end of the log."""
        entries: list[LogEntry] = []
        for _ in range(_MAX_READS):
            page = await self._log.read(
                after=after, max_entries=_READ_ENTRIES, max_octets=MAX_BATCH_OCTETS
            )
            entries += selection.of(page.entries)
            sizes = [len(entry.notification) for entry in entries]
            count = min(page_size, count_within(sizes, MAX_BATCH_OCTETS))
            if count < len(entries):
                return entries[:count], entries[count - 1].position, False
            after = page.after
            if page.at_head:
                return entries, after, True
        return entries, after, False


def _fingerprint(request: pb.ListOpensRequest) -> str:
    """Return what is the same for all pages of one listing."""
    same = pb.ListOpensRequest()
    same.CopyFrom(request)
    same.ClearField("page_token")
    same.ClearField("page_size")  # AIP-158: may differ from page to page
    octets = same.SerializeToString(deterministic=True)
    return hashlib.blake2b(octets, digest_size=_FINGERPRINT_OCTETS).hexdigest()
