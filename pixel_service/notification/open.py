"""The octets of a notification that describe the open itself.

They end where the log goes on: only the log knows the open's number and its burst, and it
appends both. These are the last fields of the last message, and have a fixed length, so
that the lengths before them can include theirs.
"""

import functools
from typing import Final, cast

from emailopens.notification.v1 import open_notification_pb2 as pb
from pixel_service.evidence import Agent, Client, Confidence, Evidence, Network
from pixel_service.privacy import KeptFetch
from pixel_service.protobuf_octets import fixed_varint, number_tag, tag, varint

# Judgements repeat: there are as many as kinds of clients and networks. About 1 kB
# each.
_MAX_CACHED_JUDGEMENTS: Final = 4_096

# Each message is in one piece, although parsers must merge pieces of one: protobuf.js does
# not, and keeps the last.
_OPEN_TAG: Final = tag(pb.OpenNotification.OPEN_FIELD_NUMBER)
_EVIDENCE_TAG: Final = tag(pb.Open.EVIDENCE_FIELD_NUMBER)
_BURST_TAG: Final = number_tag(pb.Open.BURST_FIELD_NUMBER)
_FIRST_TAG: Final = number_tag(pb.Evidence.FIRST_OPEN_FIELD_NUMBER)
_NUMBER_TAG: Final = number_tag(pb.Evidence.OPEN_NUMBER_FIELD_NUMBER)


def number_open(open_number: int, burst: int) -> bytes:
    """Return what completes a notification: 14 octets, whatever the numbers.

    The first 8 end the evidence, the rest ends the open.
    """
    return b"".join(
        (
            _FIRST_TAG,
            varint(open_number == 1),
            _NUMBER_TAG,
            fixed_varint(open_number),
            _BURST_TAG,
            fixed_varint(burst),
        )
    )


_EVIDENCE_REST: Final = 8
_OPEN_REST: Final = len(number_open(0, 0))


def open_octets(
    kept: KeptFetch, *, event_id: str, open_us: int, since_us: int | None, collapsed: int = 0
) -> bytes:
    """Return the fields of a notification that describe this open, but for `number_open`.

    Args:
        kept: What may be kept of the fetch.
        event_id: The notification's own.
        open_us: When the fetch arrived, microseconds since 1970 UTC.
        since_us: Microseconds between acceptance and then; None if that is not known.
        collapsed: Fetches before it that are counted and have no notification.
    """
    evidence = pb.Evidence()
    if since_us is not None:
        evidence.since_acceptance.FromMicroseconds(since_us)
    judged = evidence.SerializeToString() + _judgement_octets(kept.evidence)
    fetch = pb.Open()
    fetch.ip_address = kept.ip_address
    fetch.user_agent = kept.user_agent
    fetch.open_time.FromMicroseconds(open_us)
    if collapsed:
        fetch.collapsed = collapsed
    length = varint(len(judged) + _EVIDENCE_REST)
    opened = b"".join((fetch.SerializeToString(), _EVIDENCE_TAG, length, judged))
    event = pb.OpenNotification()
    event.event_id = event_id
    length = varint(len(opened) + _OPEN_REST)
    return b"".join((event.SerializeToString(), _OPEN_TAG, length, opened))


@functools.lru_cache(maxsize=_MAX_CACHED_JUDGEMENTS)
def _judgement_octets(evidence: Evidence) -> bytes:
    """Return *evidence* serialized, all but the time and what the log knows."""
    return pb.Evidence(
        agent=_agent(evidence.agent),
        confidence=_confidence(evidence.confidence),
        signals=[
            pb.Signal(
                name=signal.name,
                seen=signal.seen,
                agent=_agent(signal.agent),
                confidence=_confidence(signal.confidence),
                source=signal.source,
            )
            for signal in evidence.signals
        ],
        ruleset_version=evidence.ruleset_version,
        client=None if evidence.client is None else _client(evidence.client),
        network=None if evidence.network is None else _network(evidence.network),
    ).SerializeToString()


def _client(client: Client) -> pb.Client:
    return pb.Client(
        name=client.name, operating_system=client.operating_system, device=client.device
    )


def _network(network: Network) -> pb.Network:
    return pb.Network(
        operator=network.operator,
        autonomous_system_number=network.autonomous_system_number,
        country=network.country,
    )


# The numbers are the contract's; the stubs want them under their own names.


def _agent(agent: Agent) -> pb.Agent.ValueType:
    return cast("pb.Agent.ValueType", agent.value)


def _confidence(confidence: Confidence) -> pb.Confidence.ValueType:
    return cast("pb.Confidence.ValueType", confidence.value)
