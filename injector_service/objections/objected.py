"""Who has objected, as rewriting sees it: in memory, never waiting for anybody."""

import dataclasses
from collections.abc import Callable
from typing import Final

from injector_service.rewriting import Outcome, Rewritten
from service_runtime.objection_digests import DIGEST_OCTETS, recipient_digest


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """By what those who have objected are told, after a change of the list."""

    change: int
    key: bytes
    digests: frozenset[bytes]

    @classmethod
    def of(cls, *, change: int, key: bytes, octets: bytes) -> "Digests":
        """Return those that *octets* hold, one after the other."""
        starts = range(0, len(octets), DIGEST_OCTETS)
        return cls(
            change=change,
            key=key,
            digests=frozenset(octets[start : start + DIGEST_OCTETS] for start in starts),
        )


class Objected:
    """Tells whether a recipient has objected."""

    def __init__(self, *, is_followed: bool = False) -> None:
        """Know of no objection; if they *are followed*, know that there may be some."""
        self._is_silent = not is_followed
        self._digests: Digests | None = None

    @property
    def change(self) -> int | None:
        """Which change of the list was the last one that is known; None if nothing is."""
        return None if self._digests is None else self._digests.change

    @property
    def count(self) -> int:
        """How many recipients have objected, as far as is known."""
        return 0 if self._digests is None else len(self._digests.digests)

    def replace(self, digests: Digests) -> None:
        """Take *digests* for all that there are."""
        self._digests = digests
        self._is_silent = not digests.digests

    def heeded(
        self,
        made: list[Rewritten],
        recipient_of: Callable[[int], str],
        untracked: Callable[[], Rewritten],
    ) -> list[Rewritten]:
        """Return *made*, of which those are *untracked* whose recipient has objected.

        Args:
            made: what became of a message's copies.
            recipient_of: returns the recipient of one of them, which is tracked.
            untracked: returns what becomes of a copy that is not.
        """
        if self._is_silent:
            return made
        heeded = made.copy()
        for index, rewritten in enumerate(made):
            if rewritten.outcome is Outcome.TRACKED:
                refusal = self._refusal(recipient_of(index))
                if refusal is not None:
                    heeded[index] = untracked()._replace(outcome=refusal)
        return heeded

    def _refusal(self, recipient: str) -> Outcome | None:
        digests = self._digests
        if digests is None:
            return Outcome.OBJECTIONS_UNKNOWN
        if recipient_digest(recipient, digests.key) in digests.digests:
            return Outcome.RECIPIENT_OBJECTED
        return None


# Where nobody is asked.
NOBODY: Final = Objected()
