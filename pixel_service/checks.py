"""Checks of request fields that find everything that is wrong, not the first thing alone."""

import datetime as dt
import re
from typing import Final

from google.protobuf import timestamp_pb2

from service_runtime.errors import FieldViolation, InvalidFields

ID_PATTERN: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_ID_RULE: Final = "must match [a-z0-9][a-z0-9-]{0,62}"

_EPOCH: Final = dt.datetime.fromtimestamp(0, dt.UTC)


class FieldChecks:
    """Collects what is wrong with a request."""

    def __init__(self) -> None:
        self._violations: list[FieldViolation] = []

    def require(self, holds: bool, field: str, description: str) -> None:  # noqa: FBT001 - reads as an assertion
        """Note that *field* is wrong unless *holds*."""
        if not holds:
            self._violations.append(FieldViolation(field=field, description=description))

    def require_id(self, value: str, field: str) -> None:
        """Note that *field* is wrong unless *value* is an ID."""
        self.require(ID_PATTERN.fullmatch(value) is not None, field, _ID_RULE)

    def time(self, value: timestamp_pb2.Timestamp, field: str) -> dt.datetime:
        """Return *value*; if it is no time, note so and return the epoch."""
        try:
            return value.ToDatetime(dt.UTC)
        except (ValueError, OverflowError):
            self.require(False, field, "must be a time from year 1 to 9999")  # noqa: FBT003
            return _EPOCH

    def finish(self) -> None:
        """End the checks.

        Raises:
            InvalidFields: something was noted.
        """
        if self._violations:
            raise InvalidFields(*self._violations)


def page_size_of(checks: FieldChecks, page_size: int, *, default: int, most: int) -> int:
    """Return the size that *page_size* asks for (AIP-158: zero is the default)."""
    checks.require(page_size >= 0, "page_size", "must not be negative")
    return min(page_size, most) if page_size > 0 else default
