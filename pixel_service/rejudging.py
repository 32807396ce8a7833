"""Judges recorded opens again, by the rules and address ranges of today."""

import asyncio
import collections
import dataclasses
from collections.abc import AsyncIterator, Callable
from typing import Final, NamedTuple

from pixel_service.errors import EvidenceUnusable
from pixel_service.evidence import EvidenceError, Judge
from pixel_service.notification import read_recorded
from pixel_service.open_log import OpenLog, Position, Revision

# For each kind of difference, to look at.
_MAX_EXAMPLES: Final = 3


class Judged(NamedTuple):
    """A judgement, by the numbers of the contract."""

    agent: int
    confidence: int


class Difference(NamedTuple):
    """A judgement that has become another."""

    before: Judged
    after: Judged


@dataclasses.dataclass(slots=True, kw_only=True)
class Rejudged:
    """What judging again has come to until now."""

    ruleset_version: str
    """Of the rules that judge now."""

    examined: int = 0
    total: int = 0
    """To be looked at, by sequence numbers: gaps of aborted writes count."""

    judged: int = 0
    """Opens that other rules had judged."""

    after: Position | None = None
    """Up to where."""

    differences: "collections.Counter[Difference]" = dataclasses.field(
        default_factory=collections.Counter
    )
    """How many opens are judged otherwise: not more kinds than pairs of judgements."""

    examples: dict[Difference, list[str]] = dataclasses.field(default_factory=dict)
    """Event IDs of some."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rejudger:
    """Judges again what the log holds."""

    open_log: OpenLog
    load_judge: Callable[[], Judge]
    """Loads the judge that the service would have if it started now; takes 0.3 s."""

    async def rejudge(self, *, after: Position | None, is_dry_run: bool) -> AsyncIterator[Rejudged]:
        """Judge the opens that follow *after* again, as long as this is iterated.

        Opens that the same rules have judged are passed over, so that going on, or once
        more, does nothing twice.

        Raises:
            EvidenceUnusable: there is no judge: something that was supplied cannot be used.
            LogUnavailable: the log does not answer.
        """
        try:
            judge = await asyncio.to_thread(self.load_judge)
        except EvidenceError as error:
            raise EvidenceUnusable(str(error)) from error
        rejudged = Rejudged(ruleset_version=judge.ruleset.version)
        revising = _Revising(judge, rejudged)
        async for revised in self.open_log.revise(
            revising.revision_of, after=after, is_dry_run=is_dry_run
        ):
            rejudged.examined, rejudged.total = revised.examined, revised.total
            rejudged.after = revised.after
            yield rejudged


class _Revising:
    def __init__(self, judge: Judge, rejudged: Rejudged) -> None:
        self._judge = judge
        self._rejudged = rejudged

    def revision_of(self, notification: bytes) -> Revision | None:
        """Return how an open is judged now; None if these rules have judged it already."""
        recorded = read_recorded(notification)
        if recorded is None:
            return None
        was = recorded.evidence
        if was.ruleset_version == self._judge.ruleset.version:
            return None
        found = self._judge.judge_again(recorded.fetch)
        before = Judged(was.agent, was.confidence)
        after = Judged(int(found.agent), int(found.confidence))
        self._rejudged.judged += 1
        if before != after:
            self._note(Difference(before, after), recorded.notification.event_id)
        return Revision(*after, recorded.judged(found))

    def _note(self, difference: Difference, event_id: str) -> None:
        self._rejudged.differences[difference] += 1
        examples = self._rejudged.examples.setdefault(difference, [])
        if len(examples) < _MAX_EXAMPLES:
            examples.append(event_id)
