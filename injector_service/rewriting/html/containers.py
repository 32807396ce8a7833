"""Which containers are open at a place in HTML, and the way out of them (rules 4 and 5)."""

from typing import Final

from injector_service.rewriting.html.constructs import FOREIGN
from injector_service.rewriting.html.spans import Spans

# Containers in containers, tracked one by one; deeper ones change nothing,
# because the way out is the outermost.
MAX_OPEN: Final = 64

# The end tag of anything else does not reach beyond these (HTML standard
# 13.2.6.4.16 and 13.2.6.4.18): which one they let through is in the set.
_BARRIERS: Final = {
    b"template": frozenset({b"template"}),
    b"select": frozenset({b"select", b"template"}),
}


class OpenContainers:
    """The containers that are open, outermost first, each with the offset of its start tag."""

    __slots__ = ("_uncertain_from", "closed", "open")

    def __init__(self) -> None:
        # Each is looked at for most tags.
        self.open: list[tuple[bytes, int]] = []
        self._uncertain_from: int | None = None
        # From the start to the end tag of those that were closed, the outermost only.
        self.closed = Spans()

    def outside(self, offset: int) -> int:
        """Return the way out for a pixel that should be at *offset*: outside of all containers."""
        if self._uncertain_from is not None:
            offset = min(offset, self._uncertain_from)
        for name, start in self.open:
            if name not in FOREIGN:
                return min(offset, start)
        return offset

    def are_foreign(self) -> bool:
        """Say whether tags may follow XML's rules here: in SVG and MathML, unless HTML ended it."""
        return any(name in FOREIGN for name, _ in self.open)

    def doubt(self) -> None:
        """Note that what comes depends on whether HTML has ended the SVG or MathML (rule 5)."""
        if self._uncertain_from is None:
            self._uncertain_from = next(start for name, start in self.open if name in FOREIGN)

    def enter(self, name: bytes, start: int, end: int) -> None:
        """Take in a container's start tag, from *start* to *end*."""
        if name == b"select" and any(opened == name for opened, _ in self.open):
            # A select in a select ends it (HTML standard 13.2.6.4.16).
            self.close(name, end)
        elif len(self.open) < MAX_OPEN and (name == b"template" or not self._is_in_select()):
            self.open.append((name, start))

    def _is_in_select(self) -> bool:
        """Say whether start tags are ignored, as nearly all are in a select."""
        barriers = [name for name, _ in self.open if name in _BARRIERS]
        return barriers[-1:] == [b"select"]

    def close(self, name: bytes, end: int) -> None:
        """Take in a container's end tag, up to *end*: it closes what is inside as well."""
        for index in range(len(self.open) - 1, -1, -1):
            opened, start = self.open[index]
            if opened == name:
                self._close_from(index, start, end)
                return
            if name not in _BARRIERS.get(opened, (name,)):
                return

    def _close_from(self, index: int, start: int, end: int) -> None:
        inside = self.open[index + 1 :]
        if self.open[index][0] in FOREIGN:
            # What is in there may be HTML's again, and then it stays open.
            self.open[index:] = inside
            return
        # SVG and MathML may not have let the end tag through: they go on.  Their
        # way out is the container's.
        self.open[index:] = [(opened, start) for opened, _ in inside if opened in FOREIGN]
        self.closed.replace_inner(start, end)

    def lets_body_through(self) -> bool:
        """Say whether ``<body>`` and ``</body>`` are certain to be taken as such (rule 6)."""
        return self._uncertain_from is None and not any(name in _BARRIERS for name, _ in self.open)
