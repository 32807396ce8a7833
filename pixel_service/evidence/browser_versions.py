"""How old a browser is: which version was the newest on a day.

Chrome and what is built on it (Edge, Opera, Brave) and Firefox number their versions by
release.  Other browsers are not judged by age.  The days are in `browser_releases.toml`,
which says where they come from.
"""

import datetime as dt
import functools
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final, NamedTuple

_FILE: Final = "browser_releases.toml"
_VERSION: Final = re.compile(r"\b(Chrome|Firefox)/(\d{1,4})")

_FIRST_DAY: Final = dt.date(1970, 1, 1)

# Services ask for the day that it is; who judges again, for each day that the log holds.
_MAX_CACHED_DAYS: Final = 512


class BrowserVersions(NamedTuple):
    """The newest version of each browser on a day."""

    chrome: int
    firefox: int
    extended_firefox: frozenset[int] = frozenset()
    """Older ones of Firefox that were as good as new."""

    def behind(self, user_agent: str) -> int:
        """Return how many versions the browser in *user_agent* is older; 0 if that is not known."""
        found = _VERSION.search(user_agent)
        if found is None:
            return 0
        version = int(found[2])
        if found[1] == "Chrome":
            return max(0, self.chrome - version)
        return 0 if version in self.extended_firefox else max(0, self.firefox - version)


def day_number(time: dt.datetime) -> int:
    """Return how many days after 1970-01-01 *time*, in UTC, is."""
    return (time.date() - _FIRST_DAY).days


@functools.lru_cache(maxsize=_MAX_CACHED_DAYS)
def newest_on(day_number: int) -> BrowserVersions:
    """Return the versions that were the newest so many days after 1970-01-01."""
    day = _FIRST_DAY + dt.timedelta(days=day_number)
    table = _table()
    releases, pace = table["releases"], table["days_between_releases"]
    firefox = _days_of(releases["firefox"])
    extended = table["extended_firefox"]
    since = day - dt.timedelta(days=table["extended_days"])
    return BrowserVersions(
        chrome=_newest(_days_of(releases["chrome"]), day, pace),
        firefox=_newest(firefox, day, pace),
        extended_firefox=frozenset(
            version
            for version, successor in zip(extended, (*extended[1:], None), strict=True)
            if successor is None or firefox[successor] > since
        ),
    )


def releases_digest_input() -> bytes:
    """Return what the age of browsers is judged by, as octets."""
    return resources.files(__package__).joinpath(_FILE).read_bytes()


@functools.cache
def _table() -> dict[str, Any]:
    return tomllib.loads(releases_digest_input().decode())


def _days_of(releases: Mapping[str, dt.date]) -> dict[int, dt.date]:
    return {int(version): day for version, day in releases.items()}


def _newest(days: Mapping[int, dt.date], day: dt.date, pace: int) -> int:
    """Return the newest version on *day*, by the *days* of releases, which ascend."""
    released = [version for version, since in days.items() if since <= day] or list(days)[:1]
    newest = released[-1]
    if len(released) < len(days):
        return newest
    # After the last one of the table.
    return newest + (day - days[newest]).days // pace
