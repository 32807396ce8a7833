"""How old a browser is, by the day."""

import datetime as dt
import tomllib
from importlib import resources

import pytest

from pixel_service.evidence.browser_versions import BrowserVersions, newest_on


def on(day: str) -> BrowserVersions:
    return newest_on((dt.date.fromisoformat(day) - dt.date(1970, 1, 1)).days)


@pytest.mark.parametrize(
    ("day", "chrome", "firefox"),
    [
        ("2010-01-01", 60, 60),
        ("2022-03-28", 99, 98),
        ("2022-03-29", 100, 98),
        ("2023-02-14", 110, 110),
        ("2025-06-24", 138, 140),
        ("2026-10-20", 156, 158),
        ("2027-02-09", 163, 165),
    ],
)
def test_newest_versions_follow_the_table(day: str, chrome: int, firefox: int) -> None:
    """A version is the newest from its day on; after the table they come as they did last."""
    newest = on(day)

    assert (newest.chrome, newest.firefox) == (chrome, firefox)


def test_table_ascends() -> None:
    """Each version comes after the one before it, so that the last one of a day is the newest."""
    file = resources.files("pixel_service.evidence").joinpath("browser_releases.toml")
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    for releases in table["releases"].values():
        assert list(releases) == sorted(releases, key=int)
        assert list(releases.values()) == sorted(releases.values())
    assert {str(each) for each in table["extended_firefox"]} <= table["releases"]["firefox"].keys()


@pytest.mark.parametrize(
    ("user_agent", "behind"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/112.0.0.0 Safari/537.36", 8),
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/113.0.0.0 Safari/537.36 Edg/90.0", 7),
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/121.0.0.0 Safari/537.36", 0),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/110.0", 9),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0", 0),
        ("Mozilla/5.0 (iPhone) Version/12.0 Mobile/15E148 Safari/604.1", 0),
        ("", 0),
    ],
)
def test_versions_that_a_browser_is_behind_are_counted(user_agent: str, behind: int) -> None:
    """The engine's version counts; what numbers its versions otherwise is not judged."""
    newest = BrowserVersions(chrome=120, firefox=119, extended_firefox=frozenset({115}))

    assert newest.behind(user_agent) == behind


@pytest.mark.parametrize(
    ("day", "extended"),
    [("2024-07-08", {115, 128, 140, 153}), ("2024-10-02", {128, 140, 153})],
)
def test_extended_support_ends_after_the_next_one(day: str, extended: set[int]) -> None:
    """A version that organisations stay with is not old until its successor has been tried."""
    assert on(day).extended_firefox == extended
