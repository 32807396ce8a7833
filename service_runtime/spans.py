"""Spans of time on command lines: numbers that times can be reckoned with."""

import datetime as dt
import math
from typing import Any, Final

import click

SECOND: Final = dt.timedelta(seconds=1)
HOUR: Final = dt.timedelta(hours=1)
DAY: Final = dt.timedelta(days=1)

# A century: so far back there is a date, whatever today is. Infinity is no span.
_LONGEST: Final = dt.timedelta(days=36_525)


class Span(click.FloatRange):
    """A number of *unit*, from *shortest* to *longest*."""

    # As click says what a value is not; its own name is "float range".
    name = "number"

    def __init__(
        self,
        unit: dt.timedelta,
        *,
        shortest: dt.timedelta = dt.timedelta(0),
        longest: dt.timedelta = _LONGEST,
        min_open: bool = False,
    ) -> None:
        super().__init__(min=_in(unit, shortest), max=_in(unit, longest), min_open=min_open)

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's own
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Return the number that *value* is."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            # It is in every range, as it is neither below nor above anything.
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


def _in(unit: dt.timedelta, span: dt.timedelta) -> float:
    """Return *span* as help shows it: without a fraction, if it has none."""
    number = span / unit
    return int(number) if number.is_integer() else number
