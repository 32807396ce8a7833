"""What an open counts as, by its judgement and its notification."""

from collections.abc import Iterator, Mapping
from typing import Final

from google.protobuf.message import DecodeError

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.notification.v1 import privacy_level_pb2
from pixel_service.evidence import Client, known_families
from pixel_service.notification import SYSTEM_TAGS, number_open
from pixel_service.open_log import Dimension, Kind, OpenFacts
from service_runtime.mailbox_providers import mailbox_provider_of

_KINDS: Final[Mapping[int, Kind]] = {
    pb.AGENT_PERSON: Kind.PERSON,
    # A proxy fetches when a person opens the message.
    pb.AGENT_IMAGE_PROXY: Kind.PERSON,
    pb.AGENT_PRIVACY_PREFETCH: Kind.MACHINE,
    pb.AGENT_SCANNER: Kind.MACHINE,
    pb.AGENT_OTHER_AUTOMATION: Kind.MACHINE,
}
_NEVER_READ: Final = (pb.AGENT_SCANNER, pb.AGENT_OTHER_AUTOMATION)

# A client of no known family.
_OTHER: Final = "other"

_NUMBERS: Final = number_open(0, 0)


def facts_of(agent: int, confidence: int, notification: bytes) -> OpenFacts:
    """Return what an open counts as.

    Args:
        agent: the number of the contract's `Agent`.
        confidence: that of its `Confidence`.
        notification: without open number and burst; empty if the open is only counted.
    """
    kind = _KINDS.get(agent, Kind.UNKNOWN)
    is_sure = confidence >= pb.CONFIDENCE_MEDIUM
    return OpenFacts(
        kind=kind,
        is_surely_read=kind is Kind.PERSON and is_sure,
        may_be_read=agent not in _NEVER_READ or not is_sure,
        values=(
            (Dimension.AGENT, _name(pb.Agent, agent)),
            (Dimension.CONFIDENCE, _name(pb.Confidence, confidence)),
            *_values(notification),
        ),
    )


def _values(notification: bytes) -> Iterator[tuple[Dimension, str]]:
    whole = pb.OpenNotification()
    if notification:
        try:
            whole.ParseFromString(notification + _NUMBERS)
        except DecodeError:
            whole.Clear()
    yield Dimension.CLIENT, _family(whole.open.evidence.client.name)
    yield Dimension.MAILBOX_PROVIDER, _provider(whole.mail)
    level = whole.privacy_level
    yield Dimension.PRIVACY_LEVEL, _name(privacy_level_pb2.PrivacyLevel, level) if level else ""
    for key, values in whole.mail.tags.items():
        if key not in SYSTEM_TAGS:
            for value in values:
                # No injector of ours lets a NUL through; one alone would end the counting on
                # PostgreSQL, whose text cannot hold it.
                yield Dimension.TAG, f"{key}={value}".replace("\0", "\N{REPLACEMENT CHARACTER}")


def _family(name: str) -> str:
    """Return *name* if it is of the closed list: anything else is a sender's free text."""
    if not name:
        return ""
    known = known_families(Client(name=name, operating_system="", device=""))
    return known.name if known is not None and known.name else _OTHER


def _provider(mail: pb.Mail) -> str:
    for address in mail.destination:
        return mailbox_provider_of(address)
    return ""


def _name(enumeration: object, number: int) -> str:
    try:
        return str(enumeration.Name(number))  # type: ignore[attr-defined]  # the stubs' type is private
    except ValueError:
        return ""
