"""Checks of a request's fields: everything that is wrong is said at once."""

import datetime as dt
import re
from typing import Final

from google.protobuf import timestamp_pb2

from service_runtime.errors import FieldViolation, InvalidFields
from service_runtime.times import EPOCH

# All of them travel in the trailers, which gRPC limits to 8 KiB by default: 20 of
# at most 200 octets, twice (as text and as details).
MAX_VIOLATIONS: Final = 20

# What a client may choose as the ID of a resource.
ID_PATTERN: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class FieldChecks:
    """Collects what is wrong with a request."""

    def __init__(self) -> None:
        self._violations: list[FieldViolation] = []

    def refuse(self, field: str, description: str) -> None:
        """Note that *field* is wrong: *description* says what it must be."""
        self._violations.append(FieldViolation(field=field, description=description))

    def require(self, holds: object, field: str, description: str) -> None:
        """Note that *field* is wrong unless *holds*."""
        if not holds:
            self.refuse(field, description)

    def require_at_most(self, count: int, limit: int, field: str, what: str) -> None:
        """Note that *field* is wrong if it has more than *limit* of *what*."""
        self.require(count <= limit, field, f"must have at most {limit:,} {what}")

    def require_id(self, value: str, field: str) -> None:
        """Note that *field* is wrong unless *value* is the ID of a resource."""
        self.require(ID_PATTERN.fullmatch(value), field, f"must match {ID_PATTERN.pattern}")

    def time(self, value: timestamp_pb2.Timestamp, field: str) -> dt.datetime:
        """Return *value*; if it is not a time, note so and return the epoch."""
        try:
            return value.ToDatetime(dt.UTC)
        except (ValueError, OverflowError):
            self.refuse(field, "must be a time from year 1 to 9999")
            return EPOCH

    def page_size(self, page_size: int, *, default: int, most: int) -> int:
        """Return the size that *page_size* asks for (AIP-158: zero is the default)."""
        self.require(page_size >= 0, "page_size", "must not be negative")
        return min(page_size, most) if page_size > 0 else default

    def finish(self) -> None:
        """End the checks.

        Raises:
            InvalidFields: something was noted; it names the first 20.
        """
        mistake = self.mistake()
        if mistake is not None:
            raise mistake

    def mistake(self) -> InvalidFields | None:
        """Return what `finish` raises; None if it raises nothing."""
        return InvalidFields(*self._violations[:MAX_VIOLATIONS]) if self._violations else None
