"""Recorded opens are judged again by what was kept of them, and by nothing else."""

import dataclasses
import datetime as dt
import itertools
from typing import Any

import pytest

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.notification.v1 import privacy_level_pb2
from pixel_service.evidence import (
    AddressSet,
    Agent,
    Evidence,
    Judge,
    Range,
    load_judge,
)
from pixel_service.evidence.rules import RuleSet
from pixel_service.notification import (
    RecordedOpen,
    mail_octets,
    number_open,
    open_octets,
    read_recorded,
)
from pixel_service.privacy import PrivacyLevel, coarsen, keep_fetch, keep_message
from tests.pixel.evidence.test_judgements import ROWS, fetch_of
from tests.pixel.service_values import a_token

KEEPING = sorted(set(PrivacyLevel) - {PrivacyLevel.OFF})
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36"
)


@pytest.fixture(scope="module")
def judge() -> Judge:
    return load_judge()


def recorded(judge: Judge, row: dict[str, Any], level: PrivacyLevel) -> bytes:
    """Return the notification of a fetch of the table, as the log keeps it."""
    fetch = fetch_of(row)
    if level is PrivacyLevel.ANONYMOUS:
        fetch = dataclasses.replace(fetch, acceptance_time=None)
    evidence = judge.judge(fetch)
    token = a_token("message-1", to="reader@example.org")
    token.privacy_level = privacy_level_pb2.PrivacyLevel.ValueType(level.value)
    since = evidence.since_acceptance
    kept = keep_fetch(
        level, ip_address=fetch.ip_address, user_agent=fetch.user_agent, evidence=evidence
    )
    return mail_octets(keep_message(token, level), "news") + open_octets(
        kept,
        event_id="4hX_0aPz9QmLr7sV2dKfTw:0",
        open_us=int(fetch.open_time.timestamp()) * 1_000_000,
        since_us=None if since is None else since // dt.timedelta(microseconds=1),
        collapsed=3,
    )


def read(octets: bytes) -> RecordedOpen:
    found = read_recorded(octets)
    assert found is not None
    return found


def complete(octets: bytes) -> pb.OpenNotification:
    return pb.OpenNotification.FromString(octets + number_open(7, 2))


def with_rules(judge: Judge, ruleset: RuleSet) -> Judge:
    return Judge(
        ruleset,
        read_client=judge._read_client,  # noqa: SLF001 - the same readers, which take long to load
    )


@pytest.mark.parametrize("level", KEEPING)
def test_same_rules_judge_the_same_again(judge: Judge, level: PrivacyLevel) -> None:
    """Of every fetch of the table, and what is written then is what was there."""
    for row in ROWS:
        octets = recorded(judge, row, level)
        open_ = read(octets)
        again = open_.judged(judge.judge_again(open_.fetch))

        assert complete(again) == complete(octets), row["name"]


@pytest.mark.parametrize("level", KEEPING)
def test_judging_again_reveals_nothing(judge: Judge, level: PrivacyLevel) -> None:
    """What a level discards does not come back with another judgement."""
    octets = recorded(judge, {"ip": "203.0.113.9", "user_agent": f"{CHROME} Telltale/1"}, level)
    found = Evidence(
        agent=Agent.SCANNER,
        confidence=judge.judge_again(read(octets).fetch).confidence,
        signals=(),
        since_acceptance=None,
        ruleset_version="next",
        client=read(octets).fetch.client,
        network=None,
    )
    again = complete(read(octets).judged(found))

    assert again.open.ip_address == complete(octets).open.ip_address
    assert again.open.user_agent == complete(octets).open.user_agent
    assert (b"Telltale" in again.SerializeToString()) is (level is PrivacyLevel.FULL)
    assert again.mail == complete(octets).mail
    assert again.open.collapsed == 3
    assert coarsen(found, level) == coarsen(coarsen(found, level), level)


def named(judge: Judge, **changed: object) -> Judge:
    """Return *judge* with another rule `browser-later`."""
    rules = tuple(
        dataclasses.replace(rule, **changed) if rule.name == "browser-later" else rule  # type: ignore[arg-type] # by name
        for rule in judge.ruleset.rules
    )
    return with_rules(judge, RuleSet(version="next", rules=rules))


@pytest.mark.parametrize(
    ("level", "agent"),
    [
        (PrivacyLevel.FULL, "SCANNER"),
        (PrivacyLevel.MASKED, "SCANNER"),
        (PrivacyLevel.PSEUDONYMOUS, "SCANNER"),
        # When it was, is not known there.
        (PrivacyLevel.ANONYMOUS, "PERSON"),
    ],
)
def test_rule_of_another_opinion_judges_otherwise(
    judge: Judge, level: PrivacyLevel, agent: str
) -> None:
    """A rule that holds as far as is known, and held then, speaks for what it says now."""
    octets = recorded(judge, {"ip": "203.0.113.9", "user_agent": CHROME, "since": 900}, level)
    signal = next(rule for rule in judge.ruleset.rules if rule.name == "browser-later").signal
    other = named(judge, signal=signal._replace(agent=Agent.SCANNER))

    found = other.judge_again(read(octets).fetch)
    assert found.agent.name == agent
    assert found.ruleset_version == "next"


def test_time_is_looked_at_again(judge: Judge) -> None:
    """A rule that asks for more time than had passed no longer holds, whatever was kept."""
    octets = recorded(
        judge, {"ip": "203.0.113.9", "user_agent": CHROME, "since": 900}, PrivacyLevel.PSEUDONYMOUS
    )
    (later,) = (rule for rule in judge.ruleset.rules if rule.name == "browser-later")
    assert later.time is not None
    patient = named(judge, time=dataclasses.replace(later.time, at_least=1_000.0))

    signals = [signal.name for signal in patient.judge_again(read(octets).fetch).signals]
    assert "browser" in signals
    assert "browser-later" not in signals


def by_address(judge: Judge, first: int, last: int) -> Judge:
    """Return *judge* with `scanner-network` for 203.0.113.*first* to 203.0.113.*last*."""
    base = int.from_bytes(bytes((203, 0, 113, 0)))
    ranges = AddressSet.of([Range(4, base + first, base + last)])
    rules = tuple(
        dataclasses.replace(rule, address=dataclasses.replace(rule.address, ranges=ranges))
        if rule.name == "scanner-network" and rule.address
        else rule
        for rule in judge.ruleset.rules
    )
    return with_rules(judge, RuleSet(version="next", rules=rules))


ALL, PART, NONE = (0, 255), (0, 15), None


@pytest.mark.parametrize(
    ("level", "was", "now", "holds"),
    [
        # Of a whole address everything is known, of a network whether all or none is meant.
        *(
            (PrivacyLevel.FULL, was, now, now is not NONE)
            for was in (ALL, NONE)
            for now in (PART, NONE)
        ),
        (PrivacyLevel.MASKED, NONE, ALL, True),
        (PrivacyLevel.MASKED, PART, NONE, False),
        (PrivacyLevel.MASKED, PART, PART, True),
        (PrivacyLevel.MASKED, NONE, PART, False),
        # Of nothing, what was seen then.
        (PrivacyLevel.PSEUDONYMOUS, PART, NONE, True),
        (PrivacyLevel.PSEUDONYMOUS, NONE, ALL, False),
    ],
)
def test_address_is_looked_up_again_as_far_as_it_was_kept(
    judge: Judge,
    level: PrivacyLevel,
    was: tuple[int, int] | None,
    now: tuple[int, int] | None,
    *,
    holds: bool,
) -> None:
    """New ranges count for addresses and networks; a part of a network says nothing new."""
    before = by_address(judge, *was) if was else judge
    after = by_address(judge, *now) if now else judge
    octets = recorded(before, {"ip": "203.0.113.9", "user_agent": CHROME, "since": 900}, level)

    found = after.judge_again(read(octets).fetch)
    assert ("scanner-network" in {signal.name for signal in found.signals}) is holds


def test_sets_of_addresses_know_parts() -> None:
    """All, none or some of a network's addresses are in a set, wherever it lies."""
    addresses = AddressSet.of([Range(4, 10, 19), Range(4, 30, 39)])
    for first, last in itertools.combinations(range(5, 45), 2):
        within = [10 <= each <= 19 or 30 <= each <= 39 for each in range(first, last + 1)]
        # Both ranges and what is between are some.
        expected = True if all(within) else None if any(within) else False
        assert addresses.covers(Range(4, first, last)) is expected
    assert addresses.covers(Range(6, 10, 19)) is False


def test_what_is_no_notification_is_left_alone() -> None:
    """Octets that cannot be read are nobody's open."""
    assert read_recorded(b"\xff\xff") is None
