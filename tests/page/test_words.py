"""What is known of a fetch, in words."""

import datetime as dt

import pytest

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.notification.v1 import privacy_level_pb2
from pixel_service.page import words

PERSONS = {pb.AGENT_PERSON, pb.AGENT_IMAGE_PROXY}


@pytest.mark.parametrize("agent", pb.Agent.values())
def test_every_judgement_has_words_no_surer_than_it_is(agent: pb.Agent.ValueType) -> None:
    """Only what is sure is said without a word of doubt, and only persons open messages."""
    said = {
        confidence: words.verdict(pb.Evidence(agent=agent, confidence=confidence))
        for confidence in (pb.CONFIDENCE_LOW, pb.CONFIDENCE_MEDIUM, pb.CONFIDENCE_HIGH)
    }

    if agent in {pb.AGENT_UNSPECIFIED, pb.AGENT_UNKNOWN}:
        assert set(said.values()) == {"What fetched it is not known"}
        return
    assert said[pb.CONFIDENCE_LOW].startswith("Perhaps")
    assert said[pb.CONFIDENCE_MEDIUM].startswith("Probably")
    assert not said[pb.CONFIDENCE_HIGH].startswith(("Perhaps", "Probably"))
    assert all(("opened" in text) == (agent in PERSONS) for text in said.values())


@pytest.mark.parametrize("agent", pb.Agent.values())
def test_fetch_without_a_person_says_that_it_shows_no_reader(agent: pb.Agent.ValueType) -> None:
    """Nor does it say that nobody looked."""
    caution = words.caution(pb.Evidence(agent=agent))

    assert (not caution) == (agent in PERSONS)


def test_judgement_of_a_newer_service_is_not_known() -> None:
    """A value that the page does not know yet is no error."""
    newer = pb.Evidence()
    newer.ParseFromString(b"\x08\x63\x10\x63")  # agent 99, confidence 99

    assert words.verdict(newer) == "What fetched it is not known"


def test_reasons_say_what_was_seen_and_for_what_it_speaks() -> None:
    """In the words of the rules, with their sources."""
    evidence = pb.Evidence(
        signals=[
            pb.Signal(
                seen="user agent of Gmail's image proxy",
                agent=pb.AGENT_IMAGE_PROXY,
                confidence=pb.CONFIDENCE_MEDIUM,
                source="mautic/mautic#16069",
            ),
            pb.Signal(seen="address in a shared network", agent=pb.AGENT_UNKNOWN),
        ]
    )

    assert words.reasons(evidence) == [
        words.Reason(
            seen="User agent of Gmail's image proxy",
            speaks="speaks moderately for a mail service that fetches for a person",
            source="mautic/mautic#16069",
        ),
        words.Reason(seen="Address in a shared network", speaks="", source=""),
    ]


def test_facts_are_those_that_are_known() -> None:
    """What was not kept has no line of its own."""
    evidence = pb.Evidence(
        open_number=3,
        ruleset_version="2026.3+abc",
        client=pb.Client(name="Apple Mail", operating_system="iOS", device="iPhone"),
        network=pb.Network(operator="Example", autonomous_system_number=64500, country="NL"),
    )
    evidence.since_acceptance.FromTimedelta(dt.timedelta(hours=3, minutes=12))
    opened = pb.Open(ip_address="192.0.2.1", evidence=evidence, collapsed=2)

    assert dict(words.facts(pb.OpenNotification(open=opened))) == {
        "After sending": "3 h 12 min",
        "Of its message's opens": "number 3",
        "Client": "Apple Mail on iOS (iPhone)",
        "Network": "Example, AS64500, NL",
        "Address": "192.0.2.1",
        "Stands for": "2 more fetches",
    }
    assert dict(words.facts(pb.OpenNotification())) == {}


@pytest.mark.parametrize(
    ("client", "text"),
    [
        (pb.Client(), ""),
        (pb.Client(name="Outlook"), "Outlook"),
        (pb.Client(operating_system="Windows"), "A client on Windows"),
    ],
)
def test_client_is_named_as_far_as_it_is_known(client: pb.Client, text: str) -> None:
    """Nothing is made up for what it does not say."""
    assert words.client_in_words(client) == text


def test_each_level_says_what_is_kept_and_an_unknown_one_the_least() -> None:
    """A level that a newer service has is taken as the most restrictive."""
    levels = set(privacy_level_pb2.PrivacyLevel.values()) - {
        privacy_level_pb2.PRIVACY_LEVEL_UNSPECIFIED,
        privacy_level_pb2.PRIVACY_LEVEL_OFF,
    }

    assert len({words.what_is_kept(level) for level in levels}) == len(levels)
    assert words.what_is_kept(99) == words.what_is_kept(privacy_level_pb2.PRIVACY_LEVEL_ANONYMOUS)
