"""How the signals of one fetch become one judgement.

1. A signal that another rule overrides has no vote.  A signal for UNKNOWN informs
   and has no vote.
2. An agent is as sure as the strongest signal for it.
3. It is one step surer when a second signal for it looks at other facts altogether:
   two readings of one user agent are not two witnesses.
4. An agent is no surer than LOW when a rule that holds says so.
5. The surest agent is the judgement; among equals the earlier one of `PRECEDENCE`.
6. It is one step less sure, but at least LOW, when an equally sure agent says the
   opposite: that a person was there, or that nobody was (`ATTENDED`).
7. Without a vote the agent is UNKNOWN, with LOW confidence.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from pixel_service.evidence.facts import Agent, Confidence, Signal
from pixel_service.evidence.rules import Rule

# Rules for the former agents are the more specific ones: an ordinary browser's user
# agent is what everything disguises itself with, so PERSON comes last.
PRECEDENCE: Final = (
    Agent.PRIVACY_PREFETCH,
    Agent.SCANNER,
    Agent.OTHER_AUTOMATION,
    Agent.IMAGE_PROXY,
    Agent.PERSON,
)

# Those that fetch because a person looks.
ATTENDED: Final = frozenset({Agent.PERSON, Agent.IMAGE_PROXY})


class Judgement(NamedTuple):
    """What the rules that hold add up to."""

    agent: Agent
    confidence: Confidence
    signals: tuple[Signal, ...]
    client: str | None
    """As `Rule.client`, of the first rule that has one."""


def weigh(rules: Sequence[Rule]) -> Judgement:
    """Return what *rules*, all that hold for a fetch in their order, add up to."""
    overridden = frozenset[str]().union(*(rule.overrides for rule in rules))
    voters = [rule for rule in rules if rule.name not in overridden]
    sureness = {agent: _sureness(agent, voters) for agent in PRECEDENCE}
    for agent in frozenset[Agent]().union(*(rule.at_most_low for rule in voters)):
        sureness[agent] = min(sureness[agent], Confidence.LOW)
    # max takes the first of equals.
    agent = max(PRECEDENCE, key=lambda each: sureness[each])
    confidence = sureness[agent]
    if confidence is Confidence.UNSPECIFIED:
        agent, confidence = Agent.UNKNOWN, Confidence.LOW
    elif any(
        sureness[other] == confidence
        for other in PRECEDENCE
        if (other in ATTENDED) != (agent in ATTENDED)
    ):
        confidence = Confidence(max(Confidence.LOW, confidence - 1))
    return Judgement(
        agent=agent,
        confidence=confidence,
        signals=tuple(rule.signal for rule in rules),
        client=next((rule.client for rule in rules if rule.client is not None), None),
    )


def _sureness(agent: Agent, voters: Sequence[Rule]) -> Confidence:
    """Return how sure *voters* make *agent*; UNSPECIFIED if none is for it."""
    ours = [rule for rule in voters if rule.signal.agent is agent]
    if not ours:
        return Confidence.UNSPECIFIED
    confidence = max(rule.signal.confidence for rule in ours)
    strongest = [rule for rule in ours if rule.signal.confidence == confidence]
    if any(not first.facts & second.facts for first in strongest for second in ours):
        confidence = Confidence(min(Confidence.HIGH, confidence + 1))
    return confidence
