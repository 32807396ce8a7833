"""Which configurations apply to a message."""

import dataclasses
from collections.abc import Sequence
from typing import Final

from injector_service.configurations.configuration import Configuration
from injector_service.configurations.snapshot import Snapshot
from injector_service.errors import ConfigurationNotFound
from injector_service.privacy import PrivacyLevel
from injector_service.rewriting.mime import Header, sender_address
from service_runtime.callers import Caller, ConfigurationNotAllowed

# Header fields that name a configuration: ours, and the one of Amazon SES.  The
# first one that the message has counts.
CONFIGURATION_FIELDS: Final = ("X-Configuration-Id", "X-Ses-Configuration-Set")

# What an error quotes of a header field; longer is not an ID.
_MAX_QUOTED_CHARACTERS: Final = 128


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The configurations that apply."""

    configurations: tuple[Configuration, ...]
    """At least one, in the order of the request."""

    fields_to_remove: tuple[str, ...] = ()
    """Header fields that were meant for us alone and are taken out of the message.

    Only where they were asked for: a message whose request names configurations may
    carry such a field for the next service on its way.
    """

    @property
    def tracking(self) -> tuple[Configuration, ...]:
        """Those that track."""
        return tuple(each for each in self.configurations if each.tracks)

    @property
    def privacy_level(self) -> PrivacyLevel:
        """The most restrictive of all."""
        return max(each.privacy_level for each in self.configurations)


def choose(
    snapshot: Snapshot,
    requested: Sequence[str],
    header: Header | None,
    caller: Caller,
    *,
    defaults: Sequence[str] = (),
) -> Choice | None:
    """Return the configurations that apply; None if nothing names one.

    Args:
        snapshot: all configurations.
        requested: the IDs in the request; they win.
        header: the message's; None if it cannot be read.
        caller: whoever asks.
        defaults: the IDs that apply if neither request nor header nor sender names one.

    Raises:
        ConfigurationNotAllowed: the request or the header names one that is not the caller's.
        ConfigurationNotFound: the request or the header names one that does not exist.
    """
    if requested:
        return Choice(configurations=tuple(_existing(snapshot, each, caller) for each in requested))
    if header is not None:
        for name in CONFIGURATION_FIELDS:
            if value := header.get(name):
                return _unrequested(_existing(snapshot, value, caller))
        bound = _bound_to_sender(snapshot, header)
        # To others it is as if the sender were not bound: they need not learn to what.
        if bound is not None and caller.may_use(bound.id):
            return _unrequested(bound)
    if defaults:
        return _unrequested(*(_existing(snapshot, each, caller) for each in defaults))
    return None


def _existing(snapshot: Snapshot, configuration_id: str, caller: Caller) -> Configuration:
    if not caller.may_use(configuration_id):
        raise ConfigurationNotAllowed(configuration_id[:_MAX_QUOTED_CHARACTERS])
    configuration = snapshot.get(configuration_id)
    if configuration is None:
        raise ConfigurationNotFound(configuration_id[:_MAX_QUOTED_CHARACTERS])
    return configuration


def _unrequested(*configurations: Configuration) -> Choice:
    return Choice(configurations=configurations, fields_to_remove=CONFIGURATION_FIELDS)


def _bound_to_sender(snapshot: Snapshot, header: Header) -> Configuration | None:
    address = sender_address(header)
    return snapshot.bound_to(address) if address else None
