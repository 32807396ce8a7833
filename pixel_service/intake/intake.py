"""From a fetch to what is kept of it, and into the journal."""

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Final, Protocol

from pixel_service.evidence import NO_OTHERS, Judge
from pixel_service.intake.event_id import new_open_id
from pixel_service.intake.fetch import PixelFetch
from pixel_service.intake.opened_token import OpenedToken, TokenReader
from pixel_service.intake.recent_fetches import RecentFetches
from pixel_service.intake.replay_budget import DEFAULT_WINDOW_SECONDS, Collapsed, ReplayBudget
from pixel_service.privacy import (
    KeptOpen,
    PrivacyLevel,
    encode_open,
    keep_counted_fetch,
    keep_fetch,
)

# Here, because Python 3.11 takes long to find a member of an enumeration.
_OFF: Final = PrivacyLevel.OFF

_DAY_US: Final = 86_400_000_000


class Appending(Protocol):
    """Where kept opens are made durable: a journal."""

    def append_for(self, payload: bytes | None, done: Callable[[], None]) -> None:
        """Append *payload*, None: nothing; call *done*, once, when it is durable."""


@dataclasses.dataclass(slots=True)
class IntakeCounts:
    """What became of fetches since the start."""

    recorded: int = 0
    invalid: int = 0
    """Not a token of ours."""
    off: int = 0
    """Of a message that keeps nothing."""
    expired: int = 0
    """Later than the days for which opens of its message are recorded."""
    collapsed: int = 0
    """Beyond the budget of their message."""


class Intake:
    """Opens the token of a fetch, judges the fetch, and has kept what may be kept."""

    def __init__(
        self,
        *,
        tokens: TokenReader,
        judge: Judge,
        journal: Appending,
        recent: RecentFetches,
        budget: ReplayBudget[KeptOpen] | None = None,
        budget_seconds: float = DEFAULT_WINDOW_SECONDS,
    ) -> None:
        self._tokens = tokens
        self._judge = judge
        self._journal = journal
        self._recent = recent
        self._budget = budget or ReplayBudget[KeptOpen]()
        self._budget_seconds = budget_seconds
        self.counts = IntakeCounts()

    def judge_by(self, judge: Judge) -> None:
        """Judge fetches by *judge* from now on."""
        self._judge = judge

    def take(self, fetch: PixelFetch, done: Callable[[], None]) -> None:
        """Have kept what may be kept of *fetch*; call *done*, once, when that is durable.

        What is not a token of ours is not recorded, nor is what keeps nothing, comes too late
        or is beyond its message's budget; all wait for the same sync with nothing in it,
        because the wait would tell them apart.
        """
        self._journal.append_for(self._kept(fetch), done)

    def _kept(self, fetch: PixelFetch) -> bytes | None:
        """Return what is kept of *fetch*; None if it is nothing."""
        token = self._tokens.read(fetch.token)
        # Of all alike, before anything is decided: on a quiet service 20 us less would tell
        # a forged token.
        open_ = self._open_of(fetch, token)
        octets = encode_open(open_)
        if token.is_forged:
            self.counts.invalid += 1
            return None
        if token.privacy_level is _OFF:
            self.counts.off += 1
            return None
        if token.expires_us and fetch.open_us >= token.expires_us:
            self.counts.expired += 1
            return None
        key = token.message_key
        if not self._budget.spend(key or token.octets, is_shared=not key):
            return self._collapse(open_)
        self.counts.recorded += 1
        return octets

    def _collapse(self, open_: KeptOpen) -> bytes | None:
        self.counts.collapsed += 1
        displaced = self._budget.collapse(open_.message_key or open_.message, open_)
        return None if displaced is None else _octets_of(displaced)

    async def flush(self) -> None:
        """Have kept what is beyond its budget: of each message one open, with the count."""
        waiting = []
        for each in self._budget.take_collapsed():
            waiting.append(asyncio.Event())
            self._journal.append_for(_octets_of(each), waiting[-1].set)
        for durable in waiting:
            await durable.wait()

    async def renew_budgets(self) -> None:
        """Begin a new window whenever one is over; for ever."""
        while True:
            await asyncio.sleep(self._budget_seconds)
            self._budget.begin_window()
            await self.flush()

    def _open_of(self, fetch: PixelFetch, token: OpenedToken) -> KeptOpen:
        level = token.privacy_level
        ip_address, user_agent = fetch.ip_address, fetch.user_agent
        open_us = fetch.open_us
        accepted_us = token.acceptance_us
        key, source_key, others = token.message_key, b"", NO_OTHERS
        # Of a message whose opens may not be linked, fetches of one source may not be, either.
        if key and ip_address:
            keys = self._recent.keys_of(ip_address)
            source_key = keys.source
            others = self._recent.note(key, keys, user_agent, open_us)
            if self._judge.is_of_scanner(ip_address):
                self._recent.note_scanner(key, open_us)
        evidence = self._judge.judge_timeless(
            ip_address=ip_address,
            user_agent=user_agent,
            headers=fetch.purposes,
            open_day=open_us // _DAY_US,
            # Clocks that differ give zero; an anonymous message has no time of its own.
            since_seconds=max(0, open_us - accepted_us) / 1_000_000 if accepted_us else None,
            others=others,
            mail_provider=token.mail_provider,
        )
        kept = (
            keep_fetch(level, ip_address=ip_address, user_agent=user_agent, evidence=evidence)
            if token.is_notified
            else keep_counted_fetch(evidence.agent, evidence.confidence)
        )
        return KeptOpen(new_open_id(open_us), open_us, key, source_key, token.octets, kept)


def _octets_of(collapsed: Collapsed[KeptOpen]) -> bytes:
    return encode_open(collapsed.last._replace(collapsed=collapsed.others))
