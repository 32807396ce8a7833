"""Real fetches are judged as they must be, and every rule earns its place."""

import dataclasses
import datetime as dt
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pixel_service.evidence import (
    Agent,
    Confidence,
    Evidence,
    Fetch,
    Judge,
    MailProvider,
    OtherFetches,
)
from pixel_service.evidence.rules import RuleSet

ROWS: list[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("fetches.toml").read_text(encoding="utf-8")
)["fetches"]
# The browsers of the table are of that summer.
OPEN_TIME = dt.datetime(2024, 9, 1, 5, 6, 7, tzinfo=dt.UTC)


def fetch_of(row: dict[str, Any]) -> Fetch:
    since = row.get("since")
    return Fetch(
        ip_address=row["ip"],
        user_agent=row["user_agent"],
        headers=row.get("headers", {}),
        open_time=OPEN_TIME,
        acceptance_time=None if since is None else OPEN_TIME - dt.timedelta(seconds=since),
        others=OtherFetches(**row.get("others", {})),
        mail_provider=MailProvider[row.get("behind", "UNSPECIFIED")],
    )


def judged(evidence: Evidence) -> list[str]:
    return [evidence.agent.name, evidence.confidence.name]


def without(judge: Judge, name: str) -> Judge:
    """Return *judge* with one rule less."""
    rules = tuple(rule for rule in judge.ruleset.rules if rule.name != name)
    return Judge(
        RuleSet(version=judge.ruleset.version, rules=rules),
        read_client=judge._read_client,  # noqa: SLF001 - the same readers, which take long to load
        read_network=judge._read_network,  # noqa: SLF001 - likewise
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_fetch_is_judged_as_it_must_be(judge: Judge, row: dict[str, Any]) -> None:
    """The judgement of each fetch in the table is the one that the table states."""
    evidence = judge.judge(fetch_of(row))

    assert row["judged"] == judged(evidence), [signal.name for signal in evidence.signals]
    if "client" in row:
        assert evidence.client is not None
        assert row["client"] == evidence.client.name
    assert set(row.get("signals", ())) <= {signal.name for signal in evidence.signals}


def test_table_is_large_and_names_its_sources() -> None:
    """The table has at least sixty different user agents, each with a source."""
    assert len({row["user_agent"] for row in ROWS}) >= 60
    assert len(ROWS) == len({row["name"] for row in ROWS})
    assert all(row["source"] for row in ROWS)


def test_every_rule_decides_a_fetch(judge: Judge) -> None:
    """Without any one rule, some fetch of the table would be judged otherwise.

    A rule for UNKNOWN informs and decides nothing: it must be found in some fetch.
    """
    expected = [judged(judge.judge(fetch_of(row))) for row in ROWS]
    found = {signal.name for row in ROWS for signal in judge.judge(fetch_of(row)).signals}
    idle = []
    for rule in judge.ruleset.rules:
        if rule.signal.agent is Agent.UNKNOWN:
            continue
        poorer = without(judge, rule.name)
        if expected == [judged(poorer.judge(fetch_of(row))) for row in ROWS]:
            idle.append(rule.name)

    assert idle == []
    assert {rule.name for rule in judge.ruleset.rules} == found


def test_every_rule_has_a_source(judge: Judge) -> None:
    """Each rule names a document, measurement or discussion."""
    assert all(len(rule.signal.source) > 10 for rule in judge.ruleset.rules)


def test_rule_names_are_unique(judge: Judge) -> None:
    """A signal's name tells which rule found it."""
    names = [rule.name for rule in judge.ruleset.rules]

    assert len(names) == len(set(names))


def test_order_of_rules_does_not_decide(judge: Judge) -> None:
    """Reversing the table changes no judgement: rules are a set, not a cascade."""
    reversed_judge = Judge(
        dataclasses.replace(judge.ruleset, rules=judge.ruleset.rules[::-1]),
        read_client=judge._read_client,  # noqa: SLF001 - the same readers, which take long to load
        read_network=judge._read_network,  # noqa: SLF001 - likewise
    )
    for row in ROWS:
        assert judged(judge.judge(fetch_of(row))) == judged(reversed_judge.judge(fetch_of(row)))


def test_every_agent_occurs(judge: Judge) -> None:
    """The table has fetches of every kind of agent, at every level of confidence."""
    results = [judge.judge(fetch_of(row)) for row in ROWS]

    assert set(Agent) - {Agent.UNSPECIFIED} == {evidence.agent for evidence in results}
    assert set(Confidence) - {Confidence.UNSPECIFIED} == {each.confidence for each in results}
