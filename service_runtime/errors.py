"""Errors that a caller may see.

* ServiceError         the base; each service draws its own tree below it
  - InvalidFields      the request is wrong: names every field at once
  - RequestUndecodable the request is not a message of the contract
  - Draining           the process is about to stop; call again

Domain code raises these and imports nothing of gRPC.  What status each becomes is
said by one table per service, and `grpc_handlers` applies it.  Any other
exception is a fault of ours: the caller gets a fixed sentence.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import ClassVar


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FieldViolation:
    """What is wrong with one field of a request."""

    field: str
    """The field's path, as in `configuration.notified_headers[2]`."""

    description: str
    """What it must be, in words that hold no personal data."""


class ServiceError(Exception):
    """An error that a caller may see, whole: its text and metadata are sent."""

    reason: ClassVar[str]
    """The name of a value of `emailopens.errors.v1.ErrorReason` without its prefix."""

    retry_delay: ClassVar[dt.timedelta | None] = None
    """How long a caller should wait before trying again; None if that is no help."""

    def __init__(self, message: str, *, metadata: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.metadata: Mapping[str, str] = dict(metadata or {})


class InvalidFields(ServiceError):
    """The request is wrong, in one or more fields."""

    reason = "INVALID_FIELD"

    def __init__(self, *violations: FieldViolation) -> None:
        if not violations:
            raise ValueError("no violation")
        self.violations = violations
        super().__init__("; ".join(f"{each.field}: {each.description}" for each in violations))


class RequestUndecodable(ServiceError):
    """The request's octets are not a message of the contract."""

    reason = "REQUEST_UNDECODABLE"

    def __init__(self) -> None:
        super().__init__("the request cannot be decoded")


class Draining(ServiceError):
    """The process is about to stop."""

    reason = "DRAINING"
    retry_delay = dt.timedelta(milliseconds=200)

    def __init__(self, *, metadata: Mapping[str, str] | None = None) -> None:
        super().__init__("the process is about to stop; call again", metadata=metadata)
