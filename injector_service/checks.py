"""Checks of request fields that find everything that is wrong, not the first thing alone."""

import re
from typing import Final

from service_runtime.errors import FieldViolation, InvalidFields

# All of them travel in the trailers, which gRPC limits to 8 KiB by default: 20 of
# at most 200 octets, twice (as text and as details).
MAX_VIOLATIONS: Final = 20

CONFIGURATION_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


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

    def require_configuration_id(self, value: str, field: str) -> None:
        """Note that *field* is wrong unless *value* is the ID of a configuration."""
        self.require(
            CONFIGURATION_ID.fullmatch(value), field, f"must match {CONFIGURATION_ID.pattern}"
        )

    def finish(self) -> None:
        """End the checks.

        Raises:
            InvalidFields: something was noted; it names the first 20.
        """
        if self._violations:
            raise InvalidFields(*self._violations[:MAX_VIOLATIONS])
