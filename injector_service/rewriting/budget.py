"""What the rewriting of one message may cost: the last line against what is built to cost more.

Whatever is done once for each thing found in a message is paid for here, so that no message
costs more than its size, known or not how.
"""

import sys
from typing import Final, Self

# A step is about a microsecond on the machines that the bars are meant for.  Of 952 real
# messages none takes a tenth of its budget.
LEAST_STEPS: Final = 12_000
OCTETS_A_STEP: Final = 50

# So much takes a step: what is searched, what is read by the patterns of the HTML scan.
SEARCHED_OCTETS: Final = 1_000
SCANNED_OCTETS: Final = 64

# What is walked over, from delimiter to delimiter.
WALKED_OCTETS: Final = 10_000


class TooComplexError(Exception):
    """A message takes more steps than one of its size may, or exceeds another limit."""


class Budget:
    """The steps that are left for a message of so many *octets*."""

    __slots__ = ("_left", "_text_octets")

    def __init__(self, octets: int) -> None:
        self._left = LEAST_STEPS + octets // OCTETS_A_STEP
        self._text_octets = sys.maxsize

    @classmethod
    def of_steps(cls, steps: int, *, text_octets: int | None = None) -> Self:
        """Return a budget of so many *steps*, whatever the size of the message.

        With it the HTML part has *text_octets* at most, if that is given.
        """
        budget = cls(0)
        budget._left = steps
        if text_octets is not None:
            budget._text_octets = text_octets
        return budget

    def rest(self) -> "Budget":
        """Return a budget of what is left of this one."""
        return Budget.of_steps(self._left, text_octets=self._text_octets)

    @property
    def left(self) -> int:
        """How many steps are left."""
        return self._left

    def allow_text(self, octets: int) -> None:
        """Go on to an HTML part of so many *octets*.

        Raises:
            TooComplexError: it is too large.
        """
        if octets > self._text_octets:
            raise TooComplexError

    def spend(self, steps: int) -> None:
        """Take *steps* out of the budget.

        Raises:
            TooComplexError: there are not as many left.
        """
        self._left -= steps
        if self._left < 0:
            raise TooComplexError
