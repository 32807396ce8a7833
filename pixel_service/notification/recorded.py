"""A notification that is there already, read as evidence, and with another judgement."""

from typing import NamedTuple

from google.protobuf.message import DecodeError

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.notification.v1 import privacy_level_pb2
from pixel_service.evidence import (
    Client,
    Evidence,
    Network,
    Range,
    RecordedFetch,
    day_number,
    parse_address,
)
from pixel_service.notification.open import number_open, open_octets
from pixel_service.privacy import KeptFetch, coarsen, level_of, network_of

_FULL = privacy_level_pb2.PRIVACY_LEVEL_FULL
_MASKED = privacy_level_pb2.PRIVACY_LEVEL_MASKED


class RecordedOpen(NamedTuple):
    """An open that was judged, as its notification has it."""

    notification: pb.OpenNotification
    fetch: RecordedFetch

    @property
    def evidence(self) -> pb.Evidence:
        """How it was judged."""
        return self.notification.open.evidence

    def judged(self, evidence: Evidence) -> bytes:
        """Return its notification with another judgement, but for `number_open`."""
        notification, open_ = self.notification, self.notification.open
        kept = KeptFetch(
            open_.ip_address,
            open_.user_agent,
            coarsen(evidence, level_of(notification.privacy_level)),
        )
        octets = open_octets(
            kept,
            event_id=notification.event_id,
            open_us=open_.open_time.ToMicroseconds(),
            since_us=_since_us(self.evidence),
            collapsed=open_.collapsed,
        )
        # What is said of the message comes before what is said of the open.
        beginning = pb.OpenNotification()
        beginning.CopyFrom(notification)
        beginning.ClearField("open")
        beginning.ClearField("event_id")
        return beginning.SerializeToString() + octets


def read_recorded(notification: bytes) -> RecordedOpen | None:
    """Return the open in a *notification* as it is kept, where the numbers are still missing.

    None if it is none.
    """
    try:
        complete = pb.OpenNotification.FromString(notification + number_open(0, 0))
    except DecodeError:
        return None
    open_, evidence = complete.open, complete.open.evidence
    since = _since_us(evidence)
    return RecordedOpen(
        complete,
        RecordedFetch(
            user_agent=open_.user_agent if complete.privacy_level == _FULL else None,
            addresses=_addresses(open_.ip_address, complete.privacy_level),
            open_day=day_number(open_.open_time.ToDatetime()),
            since_seconds=None if since is None else since / 1_000_000,
            signals=frozenset(signal.name for signal in evidence.signals),
            client=_client(evidence),
            network=_network(evidence),
        ),
    )


def _since_us(evidence: pb.Evidence) -> int | None:
    if not evidence.HasField("since_acceptance"):
        return None
    return evidence.since_acceptance.ToMicroseconds()


def _addresses(text: str, level: int) -> Range | None:
    address = parse_address(text)
    if address is None:
        return None
    if level == _MASKED:
        network = network_of(text)
        return None if network is None else Range.of(network)
    return Range(address.version, int(address), int(address))


def _client(evidence: pb.Evidence) -> Client | None:
    if not evidence.HasField("client"):
        return None
    client = evidence.client
    return Client(name=client.name, operating_system=client.operating_system, device=client.device)


def _network(evidence: pb.Evidence) -> Network | None:
    if not evidence.HasField("network"):
        return None
    network = evidence.network
    return Network(
        operator=network.operator,
        autonomous_system_number=network.autonomous_system_number,
        country=network.country,
    )
