"""What is known of a fetch, in words: no surer than the judgement is."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.notification.v1 import privacy_level_pb2
from pixel_service.page.quantities import count, duration

_NO_READER: Final = "Whether anybody looked at the message is not known by that."

_VERDICTS: Final[Mapping[int, Mapping[int, str]]] = {
    pb.AGENT_PERSON: {
        pb.CONFIDENCE_HIGH: "A person opened it",
        pb.CONFIDENCE_MEDIUM: "Probably a person opened it",
        pb.CONFIDENCE_LOW: "Perhaps a person opened it",
    },
    pb.AGENT_IMAGE_PROXY: {
        pb.CONFIDENCE_HIGH: "A person opened it, and their mail service fetched the image",
        pb.CONFIDENCE_MEDIUM: (
            "Probably a person opened it, and their mail service fetched the image"
        ),
        pb.CONFIDENCE_LOW: "Perhaps a person opened it, and their mail service fetched the image",
    },
    pb.AGENT_PRIVACY_PREFETCH: {
        pb.CONFIDENCE_HIGH: "A mail client fetched it in advance",
        pb.CONFIDENCE_MEDIUM: "Probably a mail client fetched it in advance",
        pb.CONFIDENCE_LOW: "Perhaps a mail client fetched it in advance",
    },
    pb.AGENT_SCANNER: {
        pb.CONFIDENCE_HIGH: "A security scanner fetched it",
        pb.CONFIDENCE_MEDIUM: "Probably a security scanner fetched it",
        pb.CONFIDENCE_LOW: "Perhaps a security scanner fetched it",
    },
    pb.AGENT_OTHER_AUTOMATION: {
        pb.CONFIDENCE_HIGH: "A program fetched it",
        pb.CONFIDENCE_MEDIUM: "Probably a program fetched it",
        pb.CONFIDENCE_LOW: "Perhaps a program fetched it",
    },
}

_NOT_KNOWN: Final = "What fetched it is not known"

_AGENTS: Final[Mapping[int, str]] = {
    pb.AGENT_PERSON: "a person",
    pb.AGENT_IMAGE_PROXY: "a mail service that fetches for a person",
    pb.AGENT_PRIVACY_PREFETCH: "a fetch in advance",
    pb.AGENT_SCANNER: "a security scanner",
    pb.AGENT_OTHER_AUTOMATION: "another program",
}

_STRENGTHS: Final[Mapping[int, str]] = {
    pb.CONFIDENCE_HIGH: "strongly",
    pb.CONFIDENCE_MEDIUM: "moderately",
    pb.CONFIDENCE_LOW: "weakly",
}

_KEPT: Final[Mapping[int, str]] = {
    privacy_level_pb2.PRIVACY_LEVEL_FULL: "Everything is kept of this message's opens.",
    privacy_level_pb2.PRIVACY_LEVEL_MASKED: (
        "Of this message's opens, the address is kept as its network and the user agent as its"
        " family."
    ),
    privacy_level_pb2.PRIVACY_LEVEL_PSEUDONYMOUS: (
        "Of this message's opens, no mail address, subject, address or user agent is kept."
    ),
    privacy_level_pb2.PRIVACY_LEVEL_ANONYMOUS: (
        "Only time, configuration and evidence are kept: which message it was is not known."
    ),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """What speaks for a judgement, or against it."""

    seen: str
    speaks: str
    """For what, and how strongly; empty if it speaks for nothing."""

    source: str


def verdict(evidence: pb.Evidence) -> str:
    """Return the judgement, with a word for how sure it is."""
    return _VERDICTS.get(evidence.agent, {}).get(evidence.confidence, _NOT_KNOWN)


def caution(evidence: pb.Evidence) -> str:
    """Return what the judgement does not say; empty if a person was there."""
    match evidence.agent:
        case pb.AGENT_PERSON | pb.AGENT_IMAGE_PROXY:
            return ""
        case _:
            return _NO_READER


def reasons(evidence: pb.Evidence) -> Sequence[Reason]:
    """Return what was seen, in the order of the rules."""
    return [
        Reason(
            seen=signal.seen[:1].upper() + signal.seen[1:],
            speaks=_speaks(signal),
            source=signal.source,
        )
        for signal in evidence.signals
    ]


def _speaks(signal: pb.Signal) -> str:
    agent, strength = _AGENTS.get(signal.agent), _STRENGTHS.get(signal.confidence)
    return f"speaks {strength} for {agent}" if agent and strength else ""


def facts(notification: pb.OpenNotification) -> Iterator[tuple[str, str]]:
    """Yield what is known besides the judgement: a name and a value each."""
    opened = notification.open
    evidence = opened.evidence
    if evidence.HasField("since_acceptance"):
        yield "After sending", duration(evidence.since_acceptance.ToTimedelta())
    if evidence.open_number:
        yield "Of its message's opens", f"number {count(evidence.open_number)}"
    if client := client_in_words(evidence.client):
        yield "Client", client
    if network := network_in_words(evidence.network):
        yield "Network", network
    if opened.ip_address:
        yield "Address", opened.ip_address
    if opened.user_agent:
        yield "User agent", opened.user_agent
    if opened.collapsed:
        yield "Stands for", count(opened.collapsed, "more fetch", "more fetches")


def client_in_words(client: pb.Client) -> str:
    """Return what the user agent says of itself: Apple Mail on iOS (iPhone)."""
    text = client.name
    if client.operating_system:
        text = f"{text or 'A client'} on {client.operating_system}"
    return f"{text} ({client.device})" if client.device else text


def network_in_words(network: pb.Network) -> str:
    """Return who operates the network of the address, and where."""
    number = network.autonomous_system_number
    parts = (network.operator, f"AS{number}" if number else "", network.country)
    return ", ".join(part for part in parts if part)


def what_is_kept(level: int) -> str:
    """Return what a privacy level keeps; a level that is not known keeps the least."""
    return _KEPT.get(level, _KEPT[privacy_level_pb2.PRIVACY_LEVEL_ANONYMOUS])


def level_in_words(level: int) -> str:
    """Return the name of a privacy level, as people write it."""
    value = privacy_level_pb2.PrivacyLevel.DESCRIPTOR.values_by_number.get(level)
    return value.name.removeprefix("PRIVACY_LEVEL_").capitalize() if value else "not known"
