"""Builds notifications, serialized.

A notification is put together from parts, each a serialized `OpenNotification`
that holds some of the fields: protobuf merges messages that are concatenated. So
what stays the same is built once, and the log appends what only it knows.
"""

import datetime as dt
import functools
import re
from collections.abc import Iterator
from email.utils import parseaddr
from typing import Final, cast

from google.protobuf import duration_pb2, timestamp_pb2

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.notification.v1 import privacy_level_pb2
from pixel_service.evidence import Agent, Client, Confidence, Evidence, Network, Signal
from pixel_service.privacy import Correspondence, KeptOpen, Message
from pixel_service.wire import field, tag

EVENT_TYPE: Final = "Open"

# Tags of the model system, and of Amazon SES before it.
_CONFIGURATION_TAG: Final = "ses:configuration-set"
_FROM_DOMAIN_TAG: Final = "ses:from-domain"

# Judgements repeat: there are as many as kinds of clients and networks. About 1 kB
# each.
_MAX_CACHED_JUDGEMENTS: Final = 4_096

# Proxies and scanners fetch from few addresses with few agents. About 300 octets each.
_MAX_CACHED_SOURCES: Final = 4_096

# System tags name a configuration, or a sender's domain. About 200 octets each.
_MAX_CACHED_TAGS: Final = 1_024

# What differs from open to open is written by hand: through objects it takes as long
# as all the rest. The numbers are those of `open_notification.proto`.
_EVENT_ID_TAG: Final = tag(pb.OpenNotification.EVENT_ID_FIELD_NUMBER)
_MAIL_TAG: Final = tag(pb.OpenNotification.MAIL_FIELD_NUMBER)
_OPEN_TAG: Final = tag(pb.OpenNotification.OPEN_FIELD_NUMBER)
_TIME_TAG: Final = tag(pb.Open.OPEN_TIME_FIELD_NUMBER)
_EVIDENCE_TAG: Final = tag(pb.Open.EVIDENCE_FIELD_NUMBER)
_SINCE_TAG: Final = tag(pb.Evidence.SINCE_ACCEPTANCE_FIELD_NUMBER)

_ADDRESS: Final = r'[^\s"()<>\\,:;@\[\]]+@[^\s"()<>\\,:;@\[\]]+'

# `address`, and `name <address>` with the name quoted or not.
_COMMON_MAILBOX: Final = re.compile(rf'({_ADDRESS})|(?:"[^"\\]*"|[^"()<>\\,:;@])*<({_ADDRESS})>')

_EPOCH: Final = dt.datetime.fromtimestamp(0, dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_PER_SECOND: Final = 1_000_000


def mail_part(kept: KeptOpen, configuration_id: str) -> bytes:
    """Return what is the same for every open of a message and configuration."""
    notification = pb.OpenNotification(
        event_type=EVENT_TYPE,
        mail=_mail(kept.message, kept.correspondence),
        configuration_id=configuration_id,
        privacy_level=cast("privacy_level_pb2.PrivacyLevel.ValueType", kept.privacy_level.value),
    )
    tags = _tag_parts(kept.message, kept.correspondence, configuration_id)
    return b"".join((notification.SerializeToString(), *tags))


def open_part(kept: KeptOpen, event_id: str) -> bytes:
    """Return what belongs to this open alone."""
    evidence = kept.evidence
    open_octets = field(_TIME_TAG, _timestamp(kept.open_time).SerializeToString())
    if evidence.since_acceptance is not None:
        since = _duration(evidence.since_acceptance).SerializeToString()
        open_octets += field(_EVIDENCE_TAG, field(_SINCE_TAG, since))
    return b"".join(
        (
            field(_EVENT_ID_TAG, event_id.encode()),
            field(_OPEN_TAG, open_octets),
            _source_part(kept.ip_address, kept.user_agent),
            judgement_part(evidence),
        )
    )


@functools.lru_cache(maxsize=_MAX_CACHED_SOURCES)
def _source_part(ip_address: str, user_agent: str) -> bytes:
    opened = pb.Open(ip_address=ip_address, user_agent=user_agent)
    return pb.OpenNotification(open=opened).SerializeToString()


def number_open(open_number: int, burst: int) -> bytes:
    """Return what the log knows: the how many-eth open this is, and of which burst."""
    evidence = pb.Evidence(first_open=open_number == 1, open_number=open_number)
    return pb.OpenNotification(open=pb.Open(burst=burst, evidence=evidence)).SerializeToString()


def judgement_part(evidence: Evidence) -> bytes:
    """Return the judgement in *evidence*, all but the time."""
    return _judgement_part(
        evidence.agent,
        evidence.confidence,
        evidence.signals,
        evidence.ruleset_version,
        evidence.client,
        evidence.network,
    )


@functools.lru_cache(maxsize=_MAX_CACHED_JUDGEMENTS)
def _judgement_part(
    agent: Agent,
    confidence: Confidence,
    signals: tuple[Signal, ...],
    ruleset_version: str,
    client: Client | None,
    network: Network | None,
) -> bytes:
    evidence = pb.Evidence(
        agent=_agent(agent),
        confidence=_confidence(confidence),
        signals=[
            pb.Signal(
                name=signal.name,
                seen=signal.seen,
                agent=_agent(signal.agent),
                confidence=_confidence(signal.confidence),
                source=signal.source,
            )
            for signal in signals
        ],
        ruleset_version=ruleset_version,
        client=None if client is None else _client(client),
        network=None if network is None else _network(network),
    )
    return pb.OpenNotification(open=pb.Open(evidence=evidence)).SerializeToString()


def _mail(message: Message | None, correspondence: Correspondence | None) -> pb.Mail:
    mail = pb.Mail()
    if message is not None:
        mail.message_id = message.message_id
        mail.acceptance_time.CopyFrom(_timestamp(message.acceptance_time))
    if correspondence is not None:
        mail.identity_id = correspondence.identity_id
        mail.common_headers.CopyFrom(_common_headers(correspondence))
        for name, value in correspondence.notified_fields:
            mail.headers.add(name=name, value=value)
        mail.headers_truncated = correspondence.headers_truncated
        mail.destination.extend(destination_of(correspondence))
    return mail


def _tag_parts(
    message: Message | None, correspondence: Correspondence | None, configuration_id: str
) -> Iterator[bytes]:
    """Yield the tags, the system's last: of a map's entries with one key the last counts."""
    if message is not None:
        for key, value in message.tags:
            yield _tag_part(key, value)
    if correspondence is not None and correspondence.from_domain:
        yield _system_tag_part(_FROM_DOMAIN_TAG, correspondence.from_domain)
    yield _system_tag_part(_CONFIGURATION_TAG, configuration_id)


def _tag_part(key: str, value: str) -> bytes:
    mail = pb.Mail()
    mail.tags[key].values.add(string_value=value)
    return field(_MAIL_TAG, mail.SerializeToString())


_system_tag_part: Final = functools.lru_cache(maxsize=_MAX_CACHED_TAGS)(_tag_part)


def destination_of(correspondence: Correspondence) -> list[str]:
    """Return the recipient's address, as a list of one; empty if it is not known.

    A token leaves it out when it is that of the only mailbox of To.
    """
    if correspondence.recipient:
        return [correspondence.recipient]
    if len(correspondence.to_mailboxes) != 1:
        return []
    address = address_of(correspondence.to_mailboxes[0])
    return [address] if address else []


def address_of(mailbox: str) -> str:
    """Return the address in *mailbox*; empty if there is none.

    The full grammar (RFC 5322 section 3.4) takes as long as all the rest of a
    notification, and the two common forms can be told apart without it.
    """
    common = _COMMON_MAILBOX.fullmatch(mailbox)
    return common[1] or common[2] if common else parseaddr(mailbox)[1]


def _common_headers(correspondence: Correspondence) -> pb.CommonHeaders:
    return pb.CommonHeaders(
        from_mailboxes=correspondence.from_mailboxes,
        to_mailboxes=correspondence.to_mailboxes,
        date=correspondence.date,
        subject=correspondence.subject,
        message_id=correspondence.header_message_id,
        original_message_id=correspondence.header_message_id,
    )


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


# By hand, because protobuf's own conversions take as long as all the rest of an open.


def _timestamp(time: dt.datetime) -> timestamp_pb2.Timestamp:
    seconds, microseconds = divmod((time - _EPOCH) // _MICROSECOND, _PER_SECOND)
    return timestamp_pb2.Timestamp(seconds=seconds, nanos=microseconds * 1_000)


def _duration(delta: dt.timedelta) -> duration_pb2.Duration:
    microseconds = delta // _MICROSECOND
    # Both parts of a negative duration are negative (google/protobuf/duration.proto).
    sign = -1 if microseconds < 0 else 1
    seconds, rest = divmod(abs(microseconds), _PER_SECOND)
    return duration_pb2.Duration(seconds=sign * seconds, nanos=sign * rest * 1_000)
