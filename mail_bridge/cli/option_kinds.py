"""The kinds of options that `mail-bridge serve` has."""

import datetime as dt
import enum
import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from mail_bridge.front import Network
from service_runtime.serve_options import ACCESS, LIMITS, Decorator, options_of
from service_runtime.spans import SECOND, Span

PREFIX: Final = "EMAILOPENS_BRIDGE"

option: Final = options_of(PREFIX)

FILE: Final = click.Path(path_type=Path, dir_okay=False)

SHORTEST: Final = 0.01 * SECOND

# It is said in commands and answers, which end at a blank or a line end.
_NAME: Final = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}+")


def choice_option(name: str, default: enum.StrEnum, help_: str, *, section: str) -> Decorator:
    """Return an option that is one of the values of *default*'s kind."""
    values = type(default)
    return option(
        name,
        section=section,
        type=click.Choice([each.value for each in values]),
        callback=lambda _context, _parameter, given: values(given),
        default=default.value,
        help=help_,
    )


def count_option(name: str, default: int, help_: str, *, most: int | None = None) -> Decorator:
    """Return an option that limits a number."""
    return option(
        name,
        section=LIMITS,
        type=click.IntRange(min=1, max=most),
        metavar="OCTETS" if name.endswith("-octets") else "COUNT",
        default=default,
        help=help_,
    )


def seconds_option(name: str, default: float, help_: str, *, longest: dt.timedelta) -> Decorator:
    """Return an option that limits a time."""
    return option(
        name,
        section=LIMITS,
        type=Span(SECOND, shortest=SHORTEST, longest=longest),
        metavar="SECONDS",
        default=default,
        help=help_,
    )


def file_option(name: str, help_: str) -> Decorator:
    """Return an option that names a file of somebody's certificates or keys."""
    return option(name, section=ACCESS, type=FILE, show_default=False, help=help_)


def name_given(
    _context: click.Context, _parameter: click.Parameter, given: str | None
) -> str | None:
    """Return *given* if it is a name."""
    if given is not None and _NAME.fullmatch(given) is None:
        raise click.BadParameter(f"{given!r} is no name of a machine, such as mail.example.org")
    return given


def networks_given(
    _context: click.Context, _parameter: click.Parameter, given: Sequence[str]
) -> tuple[Network, ...]:
    """Return the networks that are *given*."""
    try:
        return tuple(ipaddress.ip_network(each) for each in given)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
