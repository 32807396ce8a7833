"""Who calls: a role, a name for the log, and which configurations are theirs.

A key or a client certificate says so, before the request is decoded; handlers ask
`current_caller`.
"""

import contextvars
import dataclasses
import enum
from typing import Final

from service_runtime.errors import ServiceError


class Role(enum.StrEnum):
    """What a caller is there for; `permissions` says which calls that allows."""

    SENDER = "sender"
    """Has messages rewritten."""

    SUBSCRIBER = "subscriber"
    """Gets opens."""

    OPERATOR = "operator"
    """Looks after the services, and sees neither messages nor opens."""

    ADMIN = "admin"
    """May do everything."""


# Only these roles deal with what configurations keep apart.
LIMITED_ROLES: Final = frozenset({Role.SENDER, Role.SUBSCRIBER})


class ConfigurationNotAllowed(ServiceError):
    """The caller's key is for other configurations.

    Said whether the configuration exists or not, so that nobody learns which do.
    """

    reason = "CONFIGURATION_NOT_ALLOWED"

    def __init__(self, configuration_id: str) -> None:
        super().__init__(
            f"the caller may not use configuration {configuration_id}",
            metadata={"configuration_id": configuration_id},
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whoever made a call."""

    role: Role

    name: str
    """For the log: a key's ID, or a certificate's name."""

    configuration_ids: frozenset[str] = frozenset()
    """The configurations that it is limited to; empty: all."""

    has_certificate: bool = False
    """Whether its certificate said who it is, and not a key."""

    key_digest: bytes = dataclasses.field(default=b"", repr=False)
    """Of its key: who has been given another one under the same ID is another caller."""

    def may_use(self, configuration_id: str) -> bool:
        """Return whether a configuration is the caller's."""
        return not self.configuration_ids or configuration_id in self.configuration_ids

    def may_use_all(self, configuration_ids: frozenset[str]) -> bool:
        """Return whether the caller may see opens of *configuration_ids*; empty means all."""
        if not self.configuration_ids:
            return True
        return bool(configuration_ids) and configuration_ids <= self.configuration_ids

    def require(self, configuration_id: str) -> None:
        """Go on if a configuration is the caller's.

        Raises:
            ConfigurationNotAllowed: it is not.
        """
        if not self.may_use(configuration_id):
            raise ConfigurationNotAllowed(configuration_id)

    def narrowed(self, configuration_ids: frozenset[str]) -> frozenset[str]:
        """Return what a request for *configuration_ids* means; empty: all that the caller may see.

        Raises:
            ConfigurationNotAllowed: it names one that is not the caller's.
        """
        for each in sorted(configuration_ids):
            self.require(each)
        return configuration_ids or self.configuration_ids


# Where callers are not told apart.
ANYBODY: Final = Caller(role=Role.ADMIN, name="anybody")

# Set by what wraps every handler. Without a default: a call that nobody looked at fails.
_current: contextvars.ContextVar[Caller] = contextvars.ContextVar("caller")


def current_caller() -> Caller:
    """Return who made the call that runs.

    Raises:
        LookupError: no call runs here.
    """
    return _current.get()


def is_caller_known() -> bool:
    """Return whether somebody has said yet who made the call that runs."""
    return _current.get(None) is not None


def set_caller(caller: Caller) -> None:
    """Say who made the call that runs: for the rest of its task."""
    _current.set(caller)
