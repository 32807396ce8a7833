"""The judge of an endpoint process, renewed when its address ranges change."""

import asyncio
import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import structlog

from pixel_service.evidence import Judge, JudgeLoader, RangesInvalid, range_paths
from service_runtime.file_state import FileState, file_state

# Between two looks at the files.  A look is one stat each; new ranges come once a day.
_LOOK_SECONDS: Final = 1.0

_State = Mapping[str, FileState]

logger = structlog.get_logger()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RangesHealth:
    """What operators are told of the address ranges in use."""

    ages: Mapping[str, float]
    """How old they are, in seconds, by name."""
    refusals: int
    """How often files have changed to something that cannot be used."""


class LiveJudge:
    """A judge that is another one when the files of its address ranges have changed.

    Rules and databases stay what they were at the start.
    """

    def __init__(self, make_loader: Callable[[], JudgeLoader], folder: Path) -> None:
        """Load the judge.

        Args:
            make_loader: returns what loads judges.
            folder: where ranges are.

        Raises:
            EvidenceError: it cannot be loaded.
        """
        self._folder = folder
        # Before they are read: what changes meanwhile is seen as a change.
        self._loaded = self._seen = _state_of(folder)
        self._loader = make_loader()
        self._ranges = self._loader.ranges
        self.current = self._loader.load()
        """The judge."""
        self.on_change: Callable[[Judge], None] = lambda _: None
        """Called with each new judge."""
        self._refusals = 0

    @property
    def health(self) -> RangesHealth:
        """The address ranges in use, for operators."""
        now = dt.datetime.now(dt.UTC)
        ranges = self._ranges.values()
        return RangesHealth(
            ages={each.name: (now - each.as_of).total_seconds() for each in ranges},
            refusals=self._refusals,
        )

    async def follow(self) -> None:
        """Renew the judge whenever its files have changed, for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Go over to what the files have now, if they have changed, and not since the last look.

        Somebody may be in the middle of copying one.
        """
        state = await asyncio.to_thread(_state_of, self._folder)
        is_settled = state == self._seen
        self._seen = state
        if not is_settled or state == self._loaded:
            return
        self._loaded = state
        try:
            judge = await asyncio.to_thread(self._loader.load)
        except RangesInvalid as error:
            self._refusals += 1
            logger.error(  # noqa: TRY400 - no traceback: a file is wrong
                "address ranges cannot be used, those from before stay", reason=str(error)
            )
            return
        self._ranges = self._loader.ranges
        if judge.ruleset.version != self.current.ruleset.version:
            self.current = judge
            self.on_change(judge)
            logger.info("address ranges are renewed", ruleset_version=judge.ruleset.version)


def _state_of(folder: Path) -> _State:
    try:
        paths = range_paths(folder)
    except RangesInvalid:
        # Another state than before, so that whoever loads says why.
        return {"": file_state(folder)}
    return {path.name: file_state(path) for path in paths}
