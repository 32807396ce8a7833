"""Numbers as people read them, with their units."""

import datetime as dt
from typing import Final

_THOUSAND: Final = 1_000

# A dash says that there is nothing to say; a zero would say that nothing happened.
NOTHING: Final = "\N{EN DASH}"

_UNITS: Final = (
    (dt.timedelta(days=1), "d"),
    (dt.timedelta(hours=1), "h"),
    (dt.timedelta(minutes=1), "min"),
    (dt.timedelta(seconds=1), "s"),
)


def count(number: int, singular: str = "", plural: str = "") -> str:
    """Return *number* in groups of three, with what is counted after it if that is named."""
    shown = f"{number:,}"
    if not singular:
        return shown
    return f"{shown} {singular if number == 1 else plural or f'{singular}s'}"


def short_count(number: float) -> str:
    """Return *number* in few characters, for an axis: 1.2k, 3M."""
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:g}"


def share(part: int, whole: int) -> str:
    """Return which share of *whole* the *part* is, in per cent; a dash where there is no whole.

    What is not nothing is never shown as nothing, and what is not all is not shown as all.
    """
    if whole <= 0:
        return NOTHING
    percent = 100 * part / whole
    if part and percent < 0.1:  # noqa: PLR2004 - the smallest that is shown
        return "< 0.1 %"
    if part < whole and percent > 99.9:  # noqa: PLR2004 - the largest beside all
        return "> 99.9 %"
    return f"{percent:.1f} %"


def octets(number: int) -> str:
    """Return a size in octets, in a unit that leaves at most three digits before the point."""
    size = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        # What would be rounded to four digits is in the next unit.
        if size < _THOUSAND - 0.5:
            return f"{size:.3g} {unit}"
        size /= _THOUSAND
    return f"{size:,.3g} TB"


def duration(span: dt.timedelta) -> str:
    """Return *span* in its two largest units: 3 h 12 min."""
    if span < dt.timedelta(seconds=1):
        return "less than 1 s"
    parts = []
    for unit, name in _UNITS:
        whole, span = divmod(span, unit)
        if whole:
            parts.append(f"{whole:,} {name}")
        elif parts:
            break
    return " ".join(parts[:2])
