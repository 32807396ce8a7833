"""What an open counts as."""

import pytest

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.notification.v1 import privacy_level_pb2
from pixel_service.intake.event_id import new_open_id
from pixel_service.open_log import Dimension, Kind
from pixel_service.statistics import facts_of, hour_of

NUMBERS = b"\x1a\x10\x22\x08"


def values_of(notification: pb.OpenNotification) -> list[tuple[Dimension, str]]:
    """Return under what an open with this notification counts, but for its judgement."""
    octets = notification.SerializeToString() + NUMBERS
    values = facts_of(pb.AGENT_PERSON, pb.CONFIDENCE_HIGH, octets).values
    return [each for each in values if each[0] not in (Dimension.AGENT, Dimension.CONFIDENCE)]


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        (pb.AGENT_UNSPECIFIED, Kind.UNKNOWN),
        (pb.AGENT_PERSON, Kind.PERSON),
        (pb.AGENT_IMAGE_PROXY, Kind.PERSON),
        (pb.AGENT_PRIVACY_PREFETCH, Kind.MACHINE),
        (pb.AGENT_SCANNER, Kind.MACHINE),
        (pb.AGENT_OTHER_AUTOMATION, Kind.MACHINE),
        (99, Kind.UNKNOWN),
    ],
)
def test_agents_are_of_three_kinds(agent: int, kind: Kind) -> None:
    """As the contract says; an agent that is not known is unknown."""
    assert facts_of(agent, pb.CONFIDENCE_HIGH, b"").kind is kind


@pytest.mark.parametrize(
    ("agent", "confidence", "is_surely_read", "may_be_read"),
    [
        (pb.AGENT_PERSON, pb.CONFIDENCE_MEDIUM, True, True),
        (pb.AGENT_IMAGE_PROXY, pb.CONFIDENCE_HIGH, True, True),
        (pb.AGENT_PERSON, pb.CONFIDENCE_LOW, False, True),
        (pb.AGENT_PRIVACY_PREFETCH, pb.CONFIDENCE_HIGH, False, True),
        (pb.AGENT_SCANNER, pb.CONFIDENCE_LOW, False, True),
        (pb.AGENT_SCANNER, pb.CONFIDENCE_MEDIUM, False, False),
        (pb.AGENT_OTHER_AUTOMATION, pb.CONFIDENCE_HIGH, False, False),
    ],
)
def test_what_a_fetch_says_of_reading(
    agent: int, confidence: int, *, is_surely_read: bool, may_be_read: bool
) -> None:
    """A person's counts in both bounds if that is likely; a scanner's, if likely, in none."""
    facts = facts_of(agent, confidence, b"")

    assert (facts.is_surely_read, facts.may_be_read) == (is_surely_read, may_be_read)


def test_an_open_that_is_only_counted_has_no_values() -> None:
    """Nothing is known of it but how it was judged."""
    assert facts_of(pb.AGENT_PERSON, pb.CONFIDENCE_HIGH, b"").values == (
        (Dimension.AGENT, "AGENT_PERSON"),
        (Dimension.CONFIDENCE, "CONFIDENCE_HIGH"),
        (Dimension.CLIENT, ""),
        (Dimension.MAILBOX_PROVIDER, ""),
        (Dimension.PRIVACY_LEVEL, ""),
    )


def test_values_are_those_of_closed_lists() -> None:
    """No domain, and no client's free text, is a value."""
    whole = pb.OpenNotification(privacy_level=privacy_level_pb2.PRIVACY_LEVEL_MASKED)
    whole.mail.destination.append("someone@hospital.example")
    whole.open.evidence.client.name = "Somebody's Own Client"

    assert values_of(whole) == [
        (Dimension.CLIENT, "other"),
        (Dimension.MAILBOX_PROVIDER, "other"),
        (Dimension.PRIVACY_LEVEL, "PRIVACY_LEVEL_MASKED"),
    ]


def test_tags_of_the_system_are_none_of_the_messages() -> None:
    """What is counted is what the sender has set, as what was tracked is."""
    whole = pb.OpenNotification(privacy_level=privacy_level_pb2.PRIVACY_LEVEL_ANONYMOUS)
    whole.mail.tags["ses:configuration-set"].append("news")
    whole.mail.tags["ses:from-domain"].append("sender.example")
    assert [value for name, value in values_of(whole) if name is Dimension.TAG] == []

    whole.mail.tags["season"].append("spring")
    assert (Dimension.TAG, "season=spring") in values_of(whole)


def test_octets_that_are_no_notification_count_as_what_was_judged() -> None:
    """They are counted, under no value."""
    facts = facts_of(pb.AGENT_SCANNER, pb.CONFIDENCE_HIGH, b"\xff\xff")

    assert facts.kind is Kind.MACHINE
    assert (Dimension.CLIENT, "") in facts.values


def test_the_hour_is_that_of_the_id() -> None:
    """It is when the fetch arrived; an ID that is not ours is of no hour."""
    assert hour_of(f"{new_open_id(7 * 3_600_000_000 + 5)}:1") == 7
    assert hour_of("not ours") == 0
