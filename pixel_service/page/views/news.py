"""What is new of opens that come, as a browser that follows them reads it."""

import dataclasses
import datetime as dt
import re
import weakref
from typing import Final

import htpy as h

from pixel_service.page.live import Feed
from pixel_service.page.views import now_pages

_LINE_END: Final = re.compile(r"\r\n|\r|\n")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    """A feed as it was at one moment."""

    state: object
    rest: bytes
    """The events that are the same for all."""
    rows: dict[tuple[str, int], bytes] = dataclasses.field(default_factory=dict)
    """By their event and how many they are: so few, however different what viewers have seen."""


class News:
    """What is new of each feed, drawn once for all who look, also if some of them are slow."""

    def __init__(self) -> None:
        self._drawn: weakref.WeakKeyDictionary[Feed, _Drawn] = weakref.WeakKeyDictionary()

    def of(self, feed: Feed, *, seen: int) -> bytes:
        """Return the events that bring *feed* as it is now to who has *seen* its first opens."""
        now, recent = dt.datetime.now(dt.UTC), feed.recent
        minute = now.replace(second=0, microsecond=0)
        state = recent.since, recent.added, minute, feed.failure
        drawn = self._drawn.get(feed)
        if drawn is None or drawn.state != state:
            rate = _event("rate", now_pages.rate(recent, now))
            silence = _event("silence", now_pages.silence(feed.failure))
            drawn = self._drawn[feed] = _Drawn(state=state, rest=rate + silence)
        latest = recent.latest(after=seen)
        # The first replaces what the page was made with: something may have come since.
        key = name, _ = "more" if seen else "all", len(latest)
        if key not in drawn.rows:
            drawn.rows[key] = _event(name, h.fragment[now_pages.rows(latest)])
        return drawn.rows[key] + drawn.rest


def _event(name: str, content: h.Renderable) -> bytes:
    # Markup may have ends of lines, and what a service says: of any kind that browsers know.
    data = "".join(f"data: {line}\n" for line in _LINE_END.split(str(content)))
    return f"event: {name}\n{data}\n".encode()
