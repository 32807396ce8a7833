"""Faults in what an operator supplies.

* EvidenceError
  - RulesInvalid       a rule file cannot be used; names every fault
  - RangesInvalid      a list of address ranges cannot be used
  - DatabaseInvalid    a network database cannot be used, or its reader is missing

They occur when a judge is loaded or ranges are updated, never when a fetch is judged.
"""

from collections.abc import Sequence


class EvidenceError(Exception):
    """What an operator supplied cannot be used."""


class RulesInvalid(EvidenceError):
    """A rule file cannot be used."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        """One line for each fault: where, and what it must be."""
        super().__init__("\n".join(self.faults))


class RangesInvalid(EvidenceError):
    """A list of address ranges cannot be used."""


class DatabaseInvalid(EvidenceError):
    """A network database cannot be used."""
