"""How old a browser is, by the day."""

import datetime as dt

import pytest

from pixel_service.evidence.browser_versions import BrowserVersions


@pytest.mark.parametrize(
    ("day", "chrome", "firefox"),
    [
        (dt.date(2019, 1, 1), 83, 77),
        (dt.date(2022, 3, 29), 100, 97),
        (dt.date(2023, 2, 14), 110, 110),
        (dt.date(2025, 6, 24), 137, 140),
        (dt.date(2026, 10, 20), 156, 157),
        (dt.date(2026, 11, 17), 157, 158),
    ],
)
def test_newest_versions_follow_the_calendar(day: dt.date, chrome: int, firefox: int) -> None:
    """Known releases are met, those between them spread, later ones come every four weeks."""
    newest = BrowserVersions.newest_on(day)

    assert abs(newest.firefox - firefox) <= 1
    assert newest.chrome == chrome


@pytest.mark.parametrize(
    ("user_agent", "reached"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/112.0.0.0 Safari/537.36", True),
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/113.0.0.0 Safari/537.36", False),
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/113.0.0.0 Safari/537.36 Edg/90.0", False),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/110.0", True),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/112.0", False),
        ("Mozilla/5.0 (iPhone) Version/12.0 Mobile/15E148 Safari/604.1", False),
        ("", False),
    ],
)
def test_outdated_browsers_are_told_from_newer_ones(user_agent: str, *, reached: bool) -> None:
    """The engine's version counts; what numbers its versions otherwise is not judged."""
    limit = BrowserVersions(chrome=120, firefox=119).minus(8)

    assert limit.reach(user_agent) == reached
