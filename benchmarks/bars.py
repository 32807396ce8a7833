"""What is printed after a figure that has a bar."""

from typing import Final

MET: Final = "met"
MISSED: Final = "MISSED"


def least(bar: float, value: float) -> str:
    """Return whether *value* is as high as it should be at least, and how high that is."""
    return f"{MET if value >= bar else MISSED} (>= {bar:g})"


def most(bar: float, value: float) -> str:
    """Return whether *value* is as low as it should be, and how low that is."""
    return f"{MET if value <= bar else MISSED} (<= {bar:g})"
