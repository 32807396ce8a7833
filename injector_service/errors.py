"""Errors of the injector service.

* InjectorError
  - MessageTooLarge         the message is larger than this service takes
  - ConfigurationNotFound
  - ConfigurationExists     the ID is taken
  - SenderBound             another configuration is bound to the sender
  - EtagMismatch            somebody else changed the configuration
  - StorageUnavailable      the database does not answer; try again
  - RewritingInterrupted    the process that rewrote the message died; try again
  - RecipientLeftOver       one call cannot make this copy, too; said in its result

* DatabaseUnusable          the database cannot be used; the operator is told at start
* SettingsInvalid           a setting cannot be used; likewise

`grpc_api/status_table.py` says which status each becomes.
"""

import datetime as dt

from service_runtime.errors import ServiceError


class InjectorError(ServiceError):
    """An error of the injector service that a caller may see."""


class MessageTooLarge(InjectorError):
    """The message is larger than this service takes."""

    reason = "MESSAGE_TOO_LARGE"

    def __init__(self, *, octets: int, max_octets: int) -> None:
        super().__init__(
            f"the message has {octets} octets, more than {max_octets}",
            metadata={"octets": str(octets), "max_octets": str(max_octets)},
        )


class ConfigurationNotFound(InjectorError):
    """There is no such configuration."""

    reason = "CONFIGURATION_NOT_FOUND"

    def __init__(self, configuration_id: str) -> None:
        super().__init__(
            f"there is no configuration {configuration_id}",
            metadata={"configuration_id": configuration_id},
        )


class ConfigurationExists(InjectorError):
    """The ID is taken."""

    reason = "CONFIGURATION_EXISTS"

    def __init__(self, configuration_id: str) -> None:
        super().__init__(
            f"configuration {configuration_id} exists already",
            metadata={"configuration_id": configuration_id},
        )


class SenderBound(InjectorError):
    """Another configuration is bound to the sender."""

    reason = "SENDER_BOUND"

    def __init__(self, *, index: int, configuration_id: str) -> None:
        # Its place and not itself: it may be a person's address.
        field = f"configuration.senders[{index}]"
        super().__init__(
            f"{field} is bound to configuration {configuration_id}",
            metadata={"field": field, "configuration_id": configuration_id},
        )


class EtagMismatch(InjectorError):
    """Somebody else changed the configuration."""

    reason = "ETAG_MISMATCH"

    def __init__(self, *, configuration_id: str, etag: str) -> None:
        super().__init__(
            f"configuration {configuration_id} was changed meanwhile; its etag is {etag}",
            metadata={"configuration_id": configuration_id, "etag": etag},
        )


class StorageUnavailable(InjectorError):
    """The database does not answer; nothing has changed."""

    reason = "STORAGE_UNAVAILABLE"
    retry_delay = dt.timedelta(seconds=1)

    def __init__(self) -> None:
        super().__init__("the database does not answer")


class RewritingInterrupted(InjectorError):
    """The processes that should have rewritten the message died; nothing has become of it."""

    reason = "REWRITING_INTERRUPTED"
    retry_delay = dt.timedelta(seconds=1)

    def __init__(self) -> None:
        super().__init__("the process that rewrote the message died")


class RecipientLeftOver(InjectorError):
    """The copies before this one are all that one call may make.  It is said in its result."""

    reason = "RECIPIENT_LEFT_OVER"

    def __init__(self) -> None:
        super().__init__("the copies before this one are all that one call may make; call again")


class DatabaseUnusable(Exception):
    """The database cannot be used.  The text says why, without a password."""


class SettingsInvalid(Exception):
    """The service cannot run as it was told.  The text says why, in one line."""
