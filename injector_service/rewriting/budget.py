"""What the rewriting of one message may cost: the last line against what is built to cost more.

Whatever is done once for each thing found in a message is paid for here, so that no message
costs more than its size, known or not how.
"""

from typing import Final, Self

# A step is about a microsecond on the machines that the bars are meant for.  Of 952 real
# messages none takes a tenth of its budget.
LEAST_STEPS: Final = 12_000
OCTETS_A_STEP: Final = 50

# What is searched, and what is read by the patterns of the HTML scan, takes a step.
SEARCHED_OCTETS: Final = 1_000
SCANNED_OCTETS: Final = 64


class TooComplexError(Exception):
    """A message takes more steps than one of its size may, or exceeds another limit."""


class Budget:
    """The steps that are left for a message of so many *octets*."""

    __slots__ = ("_left",)

    def __init__(self, octets: int) -> None:
        self._left = LEAST_STEPS + octets // OCTETS_A_STEP

    @classmethod
    def of_steps(cls, steps: int) -> Self:
        """Return a budget of so many *steps*, whatever the size of the message."""
        budget = cls(0)
        budget._left = steps
        return budget

    @property
    def left(self) -> int:
        """How many steps are left."""
        return self._left

    def spend(self, steps: int) -> None:
        """Take *steps* out of the budget.

        Raises:
            TooComplexError: there are not as many left.
        """
        self._left -= steps
        if self._left < 0:
            raise TooComplexError
