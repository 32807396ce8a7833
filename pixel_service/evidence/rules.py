"""Rules: what to look for, and what it speaks for.

A rule looks at up to six kinds of facts.  It holds when everything that it asks of
each kind holds.  Rules are data (rules.toml); this module knows no vendor.
"""

import dataclasses
import enum
import re
from collections.abc import Mapping

from pixel_service.evidence.browser_versions import BrowserVersions
from pixel_service.evidence.facts import Agent, MailProvider, OtherFetches, Signal
from pixel_service.evidence.ranges import Address, AddressSet, Range


class Fact(enum.Flag):
    """The kinds of facts that a rule can look at."""

    USER_AGENT = enum.auto()
    ADDRESS = enum.auto()
    HEADER = enum.auto()
    TIME = enum.auto()
    OTHER_FETCHES = enum.auto()
    RECIPIENT = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UserAgentMatch:
    """What a user agent must be.  What is None is not asked."""

    is_empty: bool | None = None
    equals: frozenset[str] | None = None
    contains: tuple[str, ...] | None = None
    """Any of these, in lower case; case does not count."""

    lacks: tuple[str, ...] | None = None
    """None of these, in lower case; case does not count."""

    pattern: re.Pattern[str] | None = None

    versions_behind: int | None = None
    """Of a browser that is at least so many versions older than the newest."""

    def holds(self, user_agent: str, newest: BrowserVersions) -> bool:
        """Return whether a clean *user_agent* is as asked, when *newest* were the newest."""
        if self.is_empty is not None and self.is_empty != (not user_agent.strip()):
            return False
        if self.equals is not None and user_agent not in self.equals:
            return False
        lowered = user_agent.lower()
        if self.contains is not None and not any(word in lowered for word in self.contains):
            return False
        if self.lacks is not None and any(word in lowered for word in self.lacks):
            return False
        if self.versions_behind is not None and newest.behind(user_agent) < self.versions_behind:
            return False
        return self.pattern is None or self.pattern.search(user_agent) is not None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AddressMatch:
    """Where an address must belong.  What is None is not asked."""

    ranges_name: str = ""
    ranges: AddressSet | None = None
    autonomous_systems: frozenset[int] | None = None

    def holds(self, address: Address | None, autonomous_system: int) -> bool:
        """Return whether *address*, of that system (0: not known), is as asked."""
        if self.ranges is not None and (address is None or address not in self.ranges):
            return False
        return self.autonomous_systems is None or autonomous_system in self.autonomous_systems

    def holds_of_recorded(self, addresses: Range | None, autonomous_system: int) -> bool | None:
        """Return what `holds` does of what was kept of an address; None if that does not say it.

        Args:
            addresses: the address, or its network; None if nothing was kept.
            autonomous_system: 0 if that is not known.
        """
        answers: list[bool | None] = []
        if self.ranges is not None:
            answers.append(None if addresses is None else self.ranges.covers(addresses))
        if self.autonomous_systems is not None:
            is_in = autonomous_system in self.autonomous_systems
            answers.append(is_in if autonomous_system else None)
        if False in answers:
            return False
        return None if None in answers else True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HeaderMatch:
    """What header fields, those of *names*, must be.  One of the others is asked."""

    names: frozenset[str]
    contains: tuple[str, ...] | None = None
    """One of the fields contains one of these, in lower case; case does not count."""

    equals: frozenset[str] | None = None
    """One of the fields is one of these, in lower case; case does not count."""

    is_absent: bool | None = None
    """None of the fields was sent; or, if false, one of them was."""

    def holds(self, headers: Mapping[str, str]) -> bool:
        """Return whether *headers* (names in lower case) are as asked."""
        values = [headers[name].lower() for name in self.names if name in headers]
        if self.is_absent is not None:
            return self.is_absent is not bool(values)
        if self.equals is not None:
            return not self.equals.isdisjoint(values)
        return any(word in value for value in values for word in self.contains or ())


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TimeMatch:
    """How many seconds after acceptance: at_least <= seconds < below."""

    at_least: float = 0.0
    below: float = float("inf")

    def holds(self, seconds: float) -> bool:
        """Return whether *seconds* since acceptance, not negative, are as asked."""
        return self.at_least <= seconds < self.below


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OthersMatch:
    """What other fetches must show.  What is None is not asked."""

    messages_at_least: int | None = None
    is_second_network: bool | None = None
    is_scanned: bool | None = None

    def holds(self, others: OtherFetches) -> bool:
        """Return whether *others* are as asked."""
        asked_seen = (
            (self.is_second_network, others.is_second_network),
            (self.is_scanned, others.is_scanned),
        )
        return others.messages_of_address >= (self.messages_at_least or 0) and all(
            asked is None or asked == seen for asked, seen in asked_seen
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of the table."""

    signal: Signal
    """What a fetch that matches is evidence of."""

    overrides: frozenset[str] = frozenset()
    """Names of rules that have no vote when this one holds: it knows better."""

    at_most_low: frozenset[Agent] = frozenset()
    """Agents that are no surer than LOW when this one holds."""

    client: str | None = None
    """What fetched, when the user agent does not say it or says something else;
    empty when nothing can be said.  None: the user agent is believed."""

    user_agent: UserAgentMatch | None = None
    address: AddressMatch | None = None
    header: HeaderMatch | None = None
    time: TimeMatch | None = None
    others: OthersMatch | None = None
    behind: frozenset[MailProvider] | None = None
    """Who must take in the recipient's mail: any of these.  None: that is not asked."""

    @property
    def name(self) -> str:
        """The rule's name."""
        return self.signal.name

    @property
    def facts(self) -> Fact:
        """The kinds of facts that the rule looks at."""
        asked = (
            (self.user_agent, Fact.USER_AGENT),
            (self.address, Fact.ADDRESS),
            (self.header, Fact.HEADER),
            (self.time, Fact.TIME),
            (self.others, Fact.OTHER_FETCHES),
            (self.behind, Fact.RECIPIENT),
        )
        facts = Fact(0)
        for match, fact in asked:
            if match is not None:
                facts |= fact
        return facts


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """Rules in their order, and the version that a judgement carries."""

    version: str
    rules: tuple[Rule, ...]
