"""How many octets of messages may be held at once, whoever sends them."""


class Budget:
    """Octets that are lent and come back."""

    def __init__(self, octets: int) -> None:
        self.taken = 0
        """How many are lent."""
        self._all = octets

    def has(self, octets: int) -> bool:
        """Return whether *octets* could be taken now."""
        return self.taken + octets <= self._all

    def take(self, octets: int) -> bool:
        """Take *octets*; return whether there were so many."""
        if not self.has(octets):
            return False
        self.taken += octets
        return True

    def give_back(self, octets: int) -> None:
        """Return what was taken."""
        self.taken -= octets
