"""What statistics must say: a recount of what the log holds, open by open."""

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from emailopens.notification.v1 import open_notification_pb2 as pb
from pixel_service.notification import number_open
from pixel_service.open_log import Counts, Dimension, Kind, LogEntry, OpenFacts
from pixel_service.statistics import facts_of, hour_of

CONFIGURATIONS: Final = ("news", "bills")

Key: TypeAlias = tuple[int, str, Dimension, str]
"""Hour, configuration, dimension, value."""

Message: TypeAlias = tuple[str, str]
"""ID and configuration."""

_NUMBERS_OCTETS: Final = len(number_open(0, 0))


@dataclasses.dataclass(slots=True)
class Recount:
    """Knows what retention has removed, and which messages are new since then."""

    gone: list[tuple[LogEntry, int]] = dataclasses.field(default_factory=list)
    """Opens, with the life of their message."""

    lives: "collections.Counter[Message]" = dataclasses.field(default_factory=collections.Counter)
    """How often everything that is there of a message was removed or erased."""

    def trimmed(self, before: Sequence[LogEntry], after: Sequence[LogEntry]) -> None:
        """Note that retention has removed opens: their counts stay."""
        left = {entry.position for entry in after}
        self.gone += [
            (entry, self.lives[message_of(entry)]) for entry in before if entry.position not in left
        ]
        ended = {message_of(entry) for entry in before} - {message_of(entry) for entry in after}
        self.lives.update(ended)

    def erased(self, message_id: str) -> None:
        """Note that what is there of a message was erased."""
        self.lives.update((message_id, each) for each in CONFIGURATIONS)

    def of(self, entries: Iterable[LogEntry]) -> Mapping[Key, Counts]:
        """Return what is to be counted when *entries* are there."""
        sums: dict[Key, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        seen: set[tuple[str, Message, int]] = set()
        present = ((entry, self.lives[message_of(entry)]) for entry in entries)
        for entry, life in (*self.gone, *present):
            facts = _facts_of(entry)
            message = message_of(entry)
            counted = collections.Counter(opens=1, first_opens=int(entry.first_open))
            counted["person_opens"] = int(facts.kind is Kind.PERSON)
            counted["machine_opens"] = int(facts.kind is Kind.MACHINE)
            for column in _bounds_of(facts):
                if message[0] and (column, message, life) not in seen:
                    seen.add((column, message, life))
                    counted[column] = 1
            hour = hour_of(_notification_of(entry).event_id)
            for dimension, value in ((Dimension.TOTAL, ""), *facts.values):
                sums[hour, entry.configuration_id, dimension, value] += counted
        return {key: Counts(**dict(counts)) for key, counts in sums.items()}


def message_of(entry: LogEntry) -> Message:
    """Return of which message an open is."""
    return _notification_of(entry).mail.message_id, entry.configuration_id


def _notification_of(entry: LogEntry) -> pb.OpenNotification:
    return pb.OpenNotification.FromString(entry.notification)


def _facts_of(entry: LogEntry) -> OpenFacts:
    return facts_of(entry.agent, entry.confidence, entry.notification[:-_NUMBERS_OCTETS])


def _bounds_of(facts: OpenFacts) -> Iterator[str]:
    if facts.is_surely_read:
        yield "opened_at_least"
    if facts.may_be_read:
        yield "opened_at_most"
