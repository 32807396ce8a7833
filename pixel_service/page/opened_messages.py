"""Messages and their opens, put together from notifications."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from emailopens.notification.v1 import open_notification_pb2 as pb
from pixel_service.page.charts import Kind, Split, kind_of

# The tags that say what other fields say.
_SYSTEM_TAGS: Final = "ses:"


@dataclasses.dataclass(slots=True)
class Fetch:
    """One open, whichever configurations it was notified for."""

    notification: pb.OpenNotification
    configuration_ids: list[str]

    @property
    def kind(self) -> Kind:
        """Who is behind it."""
        return kind_of(self.notification.open.evidence.agent)


@dataclasses.dataclass(frozen=True, slots=True)
class OpenedMessage:
    """A message, and those of its opens that were found."""

    message_id: str
    fetches: Sequence[Fetch]
    """The newest first; at least one."""

    @property
    def newest(self) -> pb.OpenNotification:
        """The last notification, which says what its message is."""
        return self.fetches[0].notification

    @property
    def opens(self) -> Split:
        """How many were found, by who is behind them."""
        kinds = [fetch.kind for fetch in self.fetches]
        return Split(
            person=kinds.count(Kind.PERSON),
            machine=kinds.count(Kind.MACHINE),
            unknown=kinds.count(Kind.UNKNOWN),
        )

    @property
    def first_by_a_person(self) -> Fetch | None:
        """The earliest open that is judged to be a person's; None if none is."""
        return next((each for each in reversed(self.fetches) if each.kind is Kind.PERSON), None)

    @property
    def tags(self) -> Iterator[str]:
        """The tags that the sender gave it, as `key=value`."""
        tags = self.newest.mail.tags
        for name in sorted(tags):
            if not name.startswith(_SYSTEM_TAGS):
                yield f"{name}={', '.join(map(str, tags[name]))}"


def fetches_of(notifications: Iterable[pb.OpenNotification]) -> Sequence[Fetch]:
    """Return the opens of *notifications*, in their order."""
    fetches: dict[str, Fetch] = {}
    for notification in notifications:
        # <open>:<index of the configuration>
        open_id = notification.event_id.rpartition(":")[0] or notification.event_id
        fetch = fetches.setdefault(open_id, Fetch(notification, []))
        fetch.configuration_ids.append(notification.configuration_id)
    return list(fetches.values())


def messages_of(notifications: Iterable[pb.OpenNotification]) -> Sequence[OpenedMessage]:
    """Return the messages of *notifications*, the newest first, as they are."""
    fetches: dict[str, list[Fetch]] = {}
    for fetch in fetches_of(notifications):
        fetches.setdefault(fetch.notification.mail.message_id, []).append(fetch)
    return [OpenedMessage(message_id, found) for message_id, found in fetches.items()]
