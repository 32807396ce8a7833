"""Numbers as people read them."""

import datetime as dt

import pytest

from pixel_service.page.quantities import count, duration, octets, share, short_count


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 opens"), (1, "1 open"), (1_234_567, "1,234,567 opens"), (-5, "-5 opens")],
)
def test_count_has_groups_of_three_and_its_noun(number: int, text: str) -> None:
    """One is singular, and everything else is not."""
    assert count(number, "open") == text


def test_count_has_the_plural_that_it_is_given() -> None:
    """Not every plural ends like most."""
    assert count(2, "fetch", "fetches") == "2 fetches"
    assert count(1_000) == "1,000"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1_200, "1.2k"), (20_000, "20k"), (3_000_000, "3M"), (5e9, "5G")],
)
def test_number_on_an_axis_is_short(number: float, text: str) -> None:
    """An axis has room for some four characters."""
    assert short_count(number) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (1, 3, "33.3 %"),
        (0, 5, "0.0 %"),
        (5, 5, "100.0 %"),
        (1, 10_000, "< 0.1 %"),
        (9_999, 10_000, "> 99.9 %"),
        (0, 0, "\N{EN DASH}"),
    ],
)
def test_share_is_neither_nothing_nor_all_unless_it_is(part: int, whole: int, text: str) -> None:
    """What is rounded never says that there was nothing, or nothing else."""
    assert share(part, whole) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1 kB"), (999_600, "1 MB"), (1_234_567, "1.23 MB")],
)
def test_octets_have_a_unit_that_fits(number: int, text: str) -> None:
    """There are at most three digits, and never a thousand of a unit."""
    assert octets(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "less than 1 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_600 * 3 + 12 * 60 + 5, "3 h 12 min"),
        (86_400 * 2 + 5, "2 d"),
        (86_400 * 4_000, "4,000 d"),
    ],
)
def test_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    """Seconds beside days say nothing."""
    assert duration(dt.timedelta(seconds=seconds)) == text
