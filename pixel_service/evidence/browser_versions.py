"""How old a browser is: which version was the newest on a day.

Chrome and what is built on it (Edge, Opera, Brave) and Firefox number their versions by
release, every four weeks for most of their history.  Other browsers are not judged by age.
"""

import datetime as dt
import re
from collections.abc import Sequence
from typing import Final, NamedTuple, Self

_VERSION: Final = re.compile(r"\b(Chrome|Firefox)/(\d{1,4})")

# Days on which versions became stable.  In between releases are spread evenly, and after the
# last one they come every four weeks.
# From the makers' calendars as known, not fetched: check them before relying on a single version.
# Debian had Chromium 156 on 2026-11-01; its first day is taken to be two weeks earlier.
_CHROME: Final = (
    (dt.date(2020, 5, 19), 83),
    (dt.date(2022, 3, 29), 100),
    (dt.date(2023, 2, 7), 110),
    (dt.date(2023, 12, 5), 120),
    (dt.date(2024, 10, 15), 130),
    (dt.date(2025, 9, 2), 140),
    (dt.date(2026, 10, 20), 156),
)
_FIREFOX: Final = (
    (dt.date(2020, 6, 2), 77),
    (dt.date(2022, 5, 3), 100),
    (dt.date(2023, 2, 14), 110),
    (dt.date(2023, 11, 21), 120),
    (dt.date(2024, 9, 3), 130),
    (dt.date(2025, 6, 24), 140),
)
_RELEASE_DAYS: Final = 28


class BrowserVersions(NamedTuple):
    """A version of each browser."""

    chrome: int
    firefox: int

    @classmethod
    def newest_on(cls, day: dt.date) -> Self:
        """Return the versions that were the newest on *day*."""
        return cls(chrome=_newest(_CHROME, day), firefox=_newest(_FIREFOX, day))

    def minus(self, versions: int) -> Self:
        """Return those that are so many *versions* older."""
        return self._replace(chrome=self.chrome - versions, firefox=self.firefox - versions)

    def reach(self, user_agent: str) -> bool:
        """Say whether *user_agent* is of a browser of one of these versions, or older."""
        found = _VERSION.search(user_agent)
        if found is None:
            return False
        return int(found[2]) <= (self.chrome if found[1] == "Chrome" else self.firefox)


def _newest(releases: Sequence[tuple[dt.date, int]], day: dt.date) -> int:
    earlier = [release for release in releases if release[0] <= day] or releases[:1]
    since, version = earlier[-1]
    passed = max(0, (day - since).days)
    if len(earlier) == len(releases):
        return version + passed // _RELEASE_DAYS
    until, next_version = releases[len(earlier)]
    return version + passed * (next_version - version) // (until - since).days
