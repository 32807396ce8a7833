"""How far an export has come, shown to whoever looks at a terminal."""

import contextlib
import datetime as dt
import sys
from collections.abc import Iterator
from typing import Final, Protocol

import click

from service_runtime.waiting import say

# Finer than any terminal shows.
_STEPS: Final = 1_000


class _Bar(Protocol):
    """What click draws."""

    pos: int

    def update(self, n_steps: int, current_item: str | None = None) -> None:
        """Draw *n_steps* more, and *current_item* beside them."""


class Progress:
    """Counts what was exported; the bar goes from the time of the first open to now.

    By time and not by number: how many opens will match, nobody knows before.
    """

    def __init__(self) -> None:
        self.exported = 0
        self._now = dt.datetime.now(dt.UTC)
        self._began: dt.datetime | None = None
        self._bar: _Bar | None = None

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Draw the bar inside the block: on a terminal, unless the opens are written there."""
        if not sys.stderr.isatty() or sys.stdout.isatty():
            yield
            return
        with click.progressbar(
            length=_STEPS, file=sys.stderr, show_eta=False, item_show_func=lambda text: text
        ) as bar:
            self._bar = bar
            try:
                yield
                bar.update(_STEPS - bar.pos, bar.current_item)
            finally:
                self._bar = None

    def reached(self, first: dt.datetime, last: dt.datetime, *, exported: int) -> None:
        """Note that opens from *first* to *last* were looked at, and *exported* written."""
        self.exported += exported
        if self._bar is None:
            return
        self._began = self._began or first
        share = (last - self._began) / max(self._now - self._began, dt.timedelta.resolution)
        # Opens are in the order in which they were recorded, and not quite in that of time.
        steps = max(0, min(int(share * _STEPS), _STEPS) - self._bar.pos)
        self._bar.update(steps, f"{last:%Y-%m-%d %H:%M}  {self.exported:,} opens")

    def say(self, sentence: str) -> None:
        """Say *sentence*, below the bar if there is one."""
        say(sentence if self._bar is None else f"\n{sentence}")
