"""The quick reading of the filter's options, beside the one that reads all commands'."""

from typing import Final

import click
import pytest

from mail_bridge.cli.filter_command import filter_
from mail_bridge.filter import DEFAULTS, FilterOptions, quick_options

ALL: Final = (
    "--recipient=anna@example.org",
    "--when-untracked=defer",
    "--untracked-status=3",
    "--deadline=2.5",
    "--socket=/tmp/filter",
)


def slowly(arguments: list[str]) -> FilterOptions | None:
    """Return what click reads; None if it has something to say against it."""
    try:
        context = filter_.make_context("filter", list(arguments))
    except (click.ClickException, click.exceptions.Exit):
        return None
    return FilterOptions(**{**context.params, "recipients": tuple(context.params["recipients"])})


@pytest.mark.parametrize(
    "arguments",
    [
        ["--recipient", "anna@example.org"],
        ["--recipient", "a=b@example.org", "--deadline", "1"],
        ["--recipient", "anna@example.org", "--recipient", "ben@example.org"],
        list(ALL),
        [],
        ["--recipient"],
        ["--recipient", "a@b.example", "--when-untracked", "bounce"],
        ["--recipient", "a@b.example", "--untracked-status", "126"],
        ["--recipient", "a@b.example", "--untracked-status", "three"],
        ["--recipient", "a@b.example", "--deadline", "0"],
        ["--recipient", "a@b.example", "--deadline", "601"],
        ["--recipient", "a@b.example", "--deadline", "nan"],
        ["--recipient", "a@b.example", "--color"],
        ["anna@example.org"],
    ],
    ids=" ".join,
)
def test_both_readings_agree(arguments: list[str]) -> None:
    """What one takes the other takes, with the same meaning, and refuses what it refuses."""
    assert quick_options(arguments) == slowly(arguments)


def test_what_is_unusual_is_left_to_the_other_reading() -> None:
    """Help, and an option that is given twice."""
    assert quick_options(["--help"]) is None
    assert quick_options([*ALL, "--deadline=3"]) is None


def test_every_option_is_read_quickly() -> None:
    """None of them takes the slow way."""
    options = quick_options(ALL)

    assert options is not None
    assert {each.partition("=")[0] for each in ALL} == {
        name for parameter in filter_.params for name in parameter.opts
    }
    assert all(one != other for one, other in zip(options, DEFAULTS, strict=True))
