"""Opens by who is behind them: persons, machines, or nobody knows."""

import dataclasses
import enum
from collections.abc import Iterator, Mapping
from typing import Final, Self

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.pixel.v1 import statistics_service_pb2


class Kind(enum.StrEnum):
    """Who is behind a fetch; the value is also the class by which the style sheet knows it."""

    PERSON = "person"
    MACHINE = "machine"
    UNKNOWN = "unknown"


KIND_NAMES: Final = {
    Kind.PERSON: "Persons",
    Kind.MACHINE: "Machines",
    Kind.UNKNOWN: "Unknown",
}

_KIND_OF: Final[Mapping[int, Kind]] = {
    pb.AGENT_PERSON: Kind.PERSON,
    # It fetches when a person opens the message.
    pb.AGENT_IMAGE_PROXY: Kind.PERSON,
    pb.AGENT_PRIVACY_PREFETCH: Kind.MACHINE,
    pb.AGENT_SCANNER: Kind.MACHINE,
    pb.AGENT_OTHER_AUTOMATION: Kind.MACHINE,
}


def kind_of(agent: int) -> Kind:
    """Return who is behind a fetch of *agent*, as the statistics count it."""
    return _KIND_OF.get(agent, Kind.UNKNOWN)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Numbers of opens."""

    person: int = 0
    machine: int = 0
    unknown: int = 0

    @classmethod
    def of(cls, counts: statistics_service_pb2.Counts) -> Self:
        """Return the opens that *counts* has."""
        return cls(
            person=counts.person_opens,
            machine=counts.machine_opens,
            unknown=counts.unknown_opens,
        )

    @property
    def total(self) -> int:
        """All of them."""
        return self.person + self.machine + self.unknown

    def parts(self) -> Iterator[tuple[Kind, int]]:
        """Yield how many there are of each kind, in the order in which they are stacked."""
        yield Kind.PERSON, self.person
        yield Kind.MACHINE, self.machine
        yield Kind.UNKNOWN, self.unknown

    def __add__(self, other: Self) -> "Split":
        return Split(
            person=self.person + other.person,
            machine=self.machine + other.machine,
            unknown=self.unknown + other.unknown,
        )
