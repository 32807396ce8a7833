"""Finds the rules that hold, one kind of fact at a time.

What is found is a number with a bit for each rule, by its place in the table: the bit
is set when the rule asks nothing of that kind of fact, or what it asks holds.  The
rules that hold for a fetch are the bits that all kinds leave.
"""

import bisect
import itertools
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import TypeVar

from pixel_service.evidence.browser_versions import BrowserVersions
from pixel_service.evidence.facts import (
    MAX_MESSAGES_OF_ADDRESS,
    Agent,
    MailProvider,
    OtherFetches,
)
from pixel_service.evidence.ranges import Address, Range
from pixel_service.evidence.rules import Fact, Rule

Match = TypeVar("Match", bound=Hashable)


class RuleIndex:
    """Rules by what they ask.  What several rules ask is tried once."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        self._user_agents = _grouped(rule.user_agent for rule in self._rules)
        self._addresses = _grouped(rule.address for rule in self._rules)
        self._headers = _grouped(rule.header for rule in self._rules)
        self._times = _grouped(rule.time for rule in self._rules)
        others = _grouped(rule.others for rule in self._rules)
        self._others = {
            each: _matching(others, lambda match, each=each: match.holds(each))  # type: ignore[misc] # mypy infers no default's type in a lambda
            for each in itertools.starmap(
                OtherFetches,
                itertools.product(range(MAX_MESSAGES_OF_ADDRESS + 1), (False, True), (False, True)),
            )
        }
        times = [time for time in self._times if time is not None]
        providers = _grouped(rule.behind for rule in self._rules)
        self._providers = {
            int(each): _matching(providers, lambda asked, each=each: each in asked)  # type: ignore[misc] # as above
            for each in MailProvider
        }
        self.scanner_networks = sum(
            1 << bit
            for bit, rule in enumerate(self._rules)
            if rule.facts is Fact.ADDRESS and rule.signal.agent is Agent.SCANNER
        )
        """The rules that say of an address alone that it is a scanner's."""
        limits = {time.at_least for time in times} | {time.below for time in times}
        # Between two limits nothing changes: the lower one stands for all up to the next.
        self._limits = sorted(limits - {0.0, float("inf")})
        self._between = [
            _matching(self._times, lambda time, low=low: time.holds(low))  # type: ignore[misc] # mypy infers no default's type in a lambda
            for low in (0.0, *self._limits)
        ]

    def rules_of(self, bits: int) -> list[Rule]:
        """Return the rules that *bits* stand for, in their order."""
        return [rule for bit, rule in enumerate(self._rules) if bits >> bit & 1]

    def by_user_agent(self, user_agent: str, newest: BrowserVersions) -> int:
        """Return the rules that a clean *user_agent* leaves, when *newest* were the newest."""
        return _matching(self._user_agents, lambda match: match.holds(user_agent, newest))

    def by_address(self, address: Address | None, autonomous_system: int) -> int:
        """Return the rules that *address*, of that system (0: not known), leaves."""
        return _matching(self._addresses, lambda match: match.holds(address, autonomous_system))

    def by_recorded_address(
        self, addresses: Range | None, autonomous_system: int, held: int
    ) -> int:
        """Return the rules that what was kept of an address leaves.

        Where it does not say whether a rule holds, it does if it is among those that *held*.
        """
        bits = 0
        for match, rules in self._addresses.items():
            holds = None if match is None else match.holds_of_recorded(addresses, autonomous_system)
            bits |= rules if match is None or holds else 0 if holds is False else rules & held
        return bits

    def asking_nothing_of(self, facts: Fact) -> int:
        """Return the rules that look at none of *facts*."""
        return sum(1 << bit for bit, rule in enumerate(self._rules) if not rule.facts & facts)

    def named(self, names: Collection[str]) -> int:
        """Return the rules that have one of *names*."""
        return sum(1 << bit for bit, rule in enumerate(self._rules) if rule.name in names)

    def by_headers(self, headers: Mapping[str, str]) -> int:
        """Return the rules that *headers* (names in lower case) leave."""
        return _matching(self._headers, lambda match: match.holds(headers))

    def by_others(self, others: OtherFetches) -> int:
        """Return the rules that *others* leave."""
        return self._others[others]

    def by_provider(self, provider: int) -> int:
        """Return the rules that the *provider* of the recipient's mail leaves."""
        return self._providers.get(provider, self._providers[MailProvider.UNSPECIFIED])

    def by_time(self, since: float | None) -> int:
        """Return the rules that so many seconds *since* acceptance leave; None: not known."""
        if since is None:
            return self._times.get(None, 0)
        return self._between[bisect.bisect_right(self._limits, since)]


def _grouped(matches: Iterable[Match | None]) -> dict[Match | None, int]:
    groups: defaultdict[Match | None, int] = defaultdict(int)
    for bit, match in enumerate(matches):
        groups[match] |= 1 << bit
    return dict(groups)


def _matching(groups: Mapping[Match | None, int], holds: Callable[[Match], bool]) -> int:
    bits = 0
    for match, rules in groups.items():
        if match is None or holds(match):
            bits |= rules
    return bits
