"""Fetches to evidence."""

import datetime as dt
import functools
from collections.abc import Callable, Mapping
from typing import Final

from pixel_service.evidence.browser_versions import (
    day_number,
    newest_on,
)
from pixel_service.evidence.facts import (
    MAX_USER_AGENT_CHARACTERS,
    NO_OTHERS,
    Client,
    Evidence,
    Fetch,
    Network,
    OtherFetches,
    RecordedFetch,
    clean_user_agent,
)
from pixel_service.evidence.judgement import weigh
from pixel_service.evidence.network import ReadNetwork
from pixel_service.evidence.ranges import only_one, parse_address
from pixel_service.evidence.rule_index import RuleIndex
from pixel_service.evidence.rules import Fact, RuleSet

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

    Safe to use from several threads.  What each kind of fact leaves of the rules is
    remembered for the values that it took last.
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
        self._index = RuleIndex(rules)
        self._of_user_agent = functools.lru_cache(MAX_USER_AGENTS)(self._match_user_agent)
        self._of_address = functools.lru_cache(MAX_ADDRESSES)(self._match_address)
        self._of_headers = functools.lru_cache(MAX_HEADERS)(self._match_headers)
        self._checkable = functools.cache(self._checkable_rules)
        self._held = functools.lru_cache(MAX_JUDGEMENTS)(self._index.named)
        self._weigh = functools.lru_cache(MAX_JUDGEMENTS)(self._evidence_of)

    def judge(self, fetch: Fetch) -> Evidence:
        """Return what is known about *fetch*.  Never waits for anything."""
        since = _since_acceptance(fetch)
        found = self.judge_timeless(
            user_agent=fetch.user_agent,
            ip_address=fetch.ip_address,
            headers=fetch.headers,
            open_day=day_number(fetch.open_time),
            since_seconds=None if since is None else since.total_seconds(),
            others=fetch.others,
            mail_provider=fetch.mail_provider,
        )
        return found._replace(since_acceptance=since)

    def judge_timeless(
        self,
        *,
        user_agent: str | None,
        ip_address: str | None,
        headers: Mapping[str, str],
        open_day: int,
        since_seconds: float | None,
        others: OtherFetches = NO_OTHERS,
        mail_provider: int = 0,
    ) -> Evidence:
        """Return what `judge` does, but for the time itself.

        Without what differs from fetch to fetch, so that equal evidence is the same
        object, made once.

        Args:
            user_agent: As in `Fetch`, and so are the next two.
            ip_address: As there.
            headers: As there.
            open_day: The day of the fetch, counted from 1970-01-01 in UTC.
            since_seconds: From acceptance to the fetch, not negative; None: not known.
            others: As in `Fetch`.
            mail_provider: As there.
        """
        by_user_agent, client = self._of_user_agent(
            (user_agent or "")[:MAX_USER_AGENT_CHARACTERS], open_day
        )
        by_address, network = self._of_address((ip_address or "")[:MAX_ADDRESS_CHARACTERS])
        bits = by_user_agent & by_address & self._index.by_time(since_seconds)
        bits &= self._of_headers(self._headers_of(headers) if headers else ())
        bits &= self._index.by_others(others) & self._index.by_provider(mail_provider)
        return self._weigh(bits, client, network)

    def judge_again(self, recorded: RecordedFetch) -> Evidence:
        """Return what is known about a fetch that was *recorded*, by what was kept of it.

        Where nothing was kept that a rule looks at, the rule holds if it held then: header
        fields, other fetches and the recipient's mail exchangers are never kept.
        """
        held = self._held(recorded.signals)
        bits = self._checkable(has_user_agent=recorded.user_agent is not None) | held
        bits &= self._index.by_time(recorded.since_seconds)
        client, network = recorded.client, recorded.network
        if recorded.user_agent is not None:
            by_user_agent, client = self._of_user_agent(
                recorded.user_agent[:MAX_USER_AGENT_CHARACTERS], recorded.open_day
            )
            bits &= by_user_agent
        if network is None and self._read_network and (address := only_one(recorded.addresses)):
            network = self._read_network(address)
        system = network.autonomous_system_number if network else 0
        bits &= self._index.by_recorded_address(recorded.addresses, system, held)
        return self._weigh(bits, client, network)

    def _checkable_rules(self, *, has_user_agent: bool) -> int:
        """Return the rules that look at nothing that is not kept, but for the address."""
        never_kept = Fact.HEADER | Fact.OTHER_FETCHES | Fact.RECIPIENT
        return self._index.asking_nothing_of(
            never_kept if has_user_agent else never_kept | Fact.USER_AGENT
        )

    def is_of_scanner(self, ip_address: str) -> bool:
        """Say whether *ip_address* is in a network from which nothing but scanners fetch."""
        by_address, _ = self._of_address(ip_address[:MAX_ADDRESS_CHARACTERS])
        return by_address & self._index.scanner_networks != 0

    def _headers_of(self, headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        return tuple(
            (name, headers[name][:MAX_HEADER_CHARACTERS])
            for name in self.header_names
            if name in headers
        )

    def _match_user_agent(self, user_agent: str, open_day: int) -> tuple[int, Client | None]:
        cleaned = clean_user_agent(user_agent)
        newest = newest_on(open_day)
        return self._index.by_user_agent(cleaned, newest), self._read_client(cleaned)

    def _match_address(self, text: str) -> tuple[int, Network | None]:
        address = parse_address(text)
        network = self._read_network(address) if self._read_network and address else None
        system = network.autonomous_system_number if network else 0
        return self._index.by_address(address, system), network

    def _match_headers(self, headers: tuple[tuple[str, str], ...]) -> int:
        return self._index.by_headers(dict(headers))

    def _evidence_of(self, bits: int, client: Client | None, network: Network | None) -> Evidence:
        judgement = weigh(self._index.rules_of(bits))
        if judgement.client is not None:
            client = _named(judgement.client)
        return Evidence(
            agent=judgement.agent,
            confidence=judgement.confidence,
            signals=judgement.signals,
            since_acceptance=None,
            ruleset_version=self.ruleset.version,
            client=client,
            network=network,
        )


def _since_acceptance(fetch: Fetch) -> dt.timedelta | None:
    """Return how long after acceptance *fetch* came; clocks that differ give zero."""
    if fetch.acceptance_time is None:
        return None
    return max(dt.timedelta(), fetch.open_time - fetch.acceptance_time)


def _named(client: str) -> Client | None:
    return Client(name=client, operating_system="", device="") if client else None
