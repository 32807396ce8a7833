"""Fetches to evidence."""

import bisect
import contextlib
import datetime as dt
import functools
import hashlib
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Final

from pixel_service.evidence.client import load_client_reader
from pixel_service.evidence.facts import (
    MAX_USER_AGENT_CHARACTERS,
    Client,
    Evidence,
    Fetch,
    Network,
    clean_user_agent,
)
from pixel_service.evidence.judgement import Judgement, weigh
from pixel_service.evidence.network import NetworkDatabases, ReadNetwork, load_network_reader
from pixel_service.evidence.range_files import load_ranges
from pixel_service.evidence.ranges import parse_address
from pixel_service.evidence.rule_file import read_rules
from pixel_service.evidence.rules import Rule, RuleSet

# What is remembered, so that most fetches cost a look-up.  User agents repeat: a few
# thousand make up nearly all traffic, and an entry has at most 1 KiB.  Addresses repeat
# less (proxies do); an entry has about 0.5 KiB.  Both live in memory only.
MAX_USER_AGENTS: Final = 4_096
MAX_ADDRESSES: Final = 8_192
MAX_HEADERS: Final = 256
MAX_JUDGEMENTS: Final = 4_096

# An IPv6 address with the longest zone that is in use (RFC 4007; 15 for interfaces) fits.
MAX_ADDRESS_CHARACTERS: Final = 64

# More of a header field is not looked at, nor remembered.
MAX_HEADER_CHARACTERS: Final = 128

ReadClient = Callable[[str], Client | None]


class Judge:
    """Turns fetches into evidence.

    Safe to use from several threads.  Each kind of fact is matched once for each value
    that it takes, and leaves a number with a bit for each rule; the rules that hold are
    the bits that all kinds leave.
    """

    def __init__(
        self,
        ruleset: RuleSet,
        *,
        read_client: ReadClient,
        read_network: ReadNetwork | None = None,
    ) -> None:
        self.ruleset = ruleset
        rules = ruleset.rules
        self.header_names: tuple[str, ...] = tuple(
            sorted(frozenset[str]().union(*(rule.header.names for rule in rules if rule.header)))
        )
        """The header fields that the rules look at, in lower case."""
        self._read_client = read_client
        self._read_network = read_network
        self._times = _Times(rules)
        self._of_user_agent = functools.lru_cache(MAX_USER_AGENTS)(self._match_user_agent)
        self._of_address = functools.lru_cache(MAX_ADDRESSES)(self._match_address)
        self._of_headers = functools.lru_cache(MAX_HEADERS)(self._match_headers)
        self._weigh = functools.lru_cache(MAX_JUDGEMENTS)(self._judgement_of)

    def judge(self, fetch: Fetch) -> Evidence:
        """Return what is known about *fetch*.  Never waits for anything."""
        since = _since_acceptance(fetch)
        by_user_agent, client = self._of_user_agent(
            (fetch.user_agent or "")[:MAX_USER_AGENT_CHARACTERS]
        )
        by_address, network = self._of_address((fetch.ip_address or "")[:MAX_ADDRESS_CHARACTERS])
        by_headers = self._of_headers(self._headers_of(fetch.headers))
        judgement = self._weigh(by_user_agent & by_address & by_headers & self._times.match(since))
        if judgement.client is not None:
            client = _named(judgement.client)
        return Evidence(
            agent=judgement.agent,
            confidence=judgement.confidence,
            signals=judgement.signals,
            since_acceptance=since,
            ruleset_version=self.ruleset.version,
            client=client,
            network=network,
        )

    def _headers_of(self, headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        if not headers:
            return ()
        return tuple(
            (name, headers[name][:MAX_HEADER_CHARACTERS])
            for name in self.header_names
            if name in headers
        )

    def _match_user_agent(self, user_agent: str) -> tuple[int, Client | None]:
        cleaned = clean_user_agent(user_agent)
        bits = self._bits(lambda rule: rule.user_agent is None or rule.user_agent.holds(cleaned))
        return bits, self._read_client(cleaned)

    def _match_address(self, text: str) -> tuple[int, Network | None]:
        address = parse_address(text)
        network = self._read_network(address) if self._read_network and address else None
        system = network.autonomous_system_number if network else 0
        bits = self._bits(lambda rule: rule.address is None or rule.address.holds(address, system))
        return bits, network

    def _match_headers(self, headers: tuple[tuple[str, str], ...]) -> int:
        fields = dict(headers)
        return self._bits(lambda rule: rule.header is None or rule.header.holds(fields))

    def _judgement_of(self, bits: int) -> Judgement:
        return weigh([rule for bit, rule in enumerate(self.ruleset.rules) if bits >> bit & 1])

    def _bits(self, holds: Callable[[Rule], bool]) -> int:
        return _bits(self.ruleset.rules, holds)


class _Times:
    """The rules that hold at a time, found by the limits that rules name."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        times = [rule.time for rule in rules if rule.time is not None]
        limits = {time.at_least for time in times} | {time.below for time in times}
        self._limits = sorted(limits - {0.0, float("inf")})
        # Between two limits nothing changes: the lower one stands for all up to the next.
        self._bits = [
            _bits(rules, functools.partial(_holds_at, low)) for low in (0.0, *self._limits)
        ]
        self._unknown = _bits(rules, lambda rule: rule.time is None)

    def match(self, since: dt.timedelta | None) -> int:
        """Return a bit for each rule that holds this long after acceptance."""
        if since is None:
            return self._unknown
        return self._bits[bisect.bisect_right(self._limits, since.total_seconds())]


def _holds_at(seconds: float, rule: Rule) -> bool:
    return rule.time is None or rule.time.holds(seconds)


def load_judge(
    *,
    rules: Path | None = None,
    ranges: Path | None = None,
    networks: NetworkDatabases | None = None,
) -> Judge:
    """Return a judge by the rules in the file *rules*, or by the built-in ones.

    Takes about 0.3 s, most of it for the expressions that read user agents.

    Args:
        rules: A rule file that replaces the built-in one.
        ranges: A folder of address ranges; its files replace built-in ones of
            the same name, or add to them.
        networks: Databases of network operators.

    Raises:
        EvidenceError: something that was supplied cannot be used.
    """
    sets, ranges_digest = load_ranges(ranges)
    with contextlib.ExitStack() as stack:
        builtin = resources.files(__package__).joinpath("rules.toml")
        path = rules or stack.enter_context(resources.as_file(builtin))
        ruleset = read_rules(path, sets)
        digest = hashlib.blake2b(path.read_bytes() + ranges_digest.encode(), digest_size=4)
    return Judge(
        RuleSet(version=f"{ruleset.version}+{digest.hexdigest()}", rules=ruleset.rules),
        read_client=load_client_reader(),
        read_network=load_network_reader(networks) if networks else None,
    )


def _since_acceptance(fetch: Fetch) -> dt.timedelta | None:
    """Return how long after acceptance *fetch* came; clocks that differ give zero."""
    if fetch.acceptance_time is None:
        return None
    return max(dt.timedelta(), fetch.open_time - fetch.acceptance_time)


def _bits(rules: tuple[Rule, ...], holds: Callable[[Rule], bool]) -> int:
    return sum(1 << bit for bit, rule in enumerate(rules) if holds(rule))


@functools.lru_cache(64)
def _named(client: str) -> Client | None:
    return Client(name=client, operating_system="", device="") if client else None
