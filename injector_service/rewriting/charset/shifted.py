"""ISO-2022 and HZ: seven-bit charsets in which a shift makes ASCII octets mean something else."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Final

from injector_service.rewriting.budget import Budget
from injector_service.rewriting.edit import Edit

# What begins like a shift and is none, as it may in HZ, costs a part of one.
_LEADS_A_STEP: Final = 16


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shifts:
    """How a charset leaves ASCII and comes back.

    *shifted* matches from the shift on, which begins with *lead*, up to the
    return, which it leaves out.
    """

    lead: bytes
    shifted: re.Pattern[bytes]
    back: bytes
    forbidden: bytes
    """Octets that cannot be written as themselves in ASCII either."""


# RFC 1468, RFC 2237: to JIS X 0208 or 0212, or to katakana, up to the next escape.
_JAPANESE: Final = Shifts(
    lead=b"\x1b",
    shifted=re.compile(rb"\x1b(?:\$(?:[@AB]|\([@-~])|\(I)[^\x1b]*+"),
    back=b"\x1b(B",
    forbidden=b"",
)

# RFC 1557, RFC 1922: shift out, shift in.
_SHIFT_OUT: Final = Shifts(
    lead=b"\x0e", shifted=re.compile(rb"\x0e[^\x0f]*+"), back=b"\x0f", forbidden=b""
)

# RFC 1843: a line ends the shift; a tilde in ASCII is written twice.
_HZ: Final = Shifts(
    lead=b"~{", shifted=re.compile(rb"~\{[^~\n]*+(?:~(?!\})[^~\n]*+)*+"), back=b"~}", forbidden=b"~"
)

SHIFTED_CHARSETS: Final[Mapping[bytes, Shifts]] = {
    b"iso-2022-jp": _JAPANESE,
    b"iso-2022-jp-1": _JAPANESE,
    b"iso-2022-jp-2": _JAPANESE,
    b"iso-2022-jp-3": _JAPANESE,
    b"iso-2022-jp-2004": _JAPANESE,
    b"iso-2022-jp-ms": _JAPANESE,
    b"csiso2022jp": _JAPANESE,
    b"csiso2022jp2": _JAPANESE,
    b"cp50220": _JAPANESE,
    b"cp50221": _JAPANESE,
    b"iso-2022-kr": _SHIFT_OUT,
    b"csiso2022kr": _SHIFT_OUT,
    b"iso-2022-cn": _SHIFT_OUT,
    b"iso-2022-cn-ext": _SHIFT_OUT,
    b"hz-gb-2312": _HZ,
    b"hz": _HZ,
}


class ShiftedText:
    """Text with shifts; in the view the shifted octets are masked, at the same positions."""

    __slots__ = ("_open_from", "_shifts", "view")
    is_ascii_compatible = True

    def __init__(self, octets: bytes, shifts: Shifts, budget: Budget) -> None:
        budget.spend(octets.count(shifts.lead) + octets.count(shifts.lead[:1]) // _LEADS_A_STEP)
        self._shifts = shifts
        self.view = shifts.shifted.sub(lambda found: b"\x80" * len(found[0]), octets)
        # Where the text ends shifted, everything after this is.
        last = shifts.shifted.match(octets, max(octets.rfind(shifts.lead), 0))
        is_open = last is not None and last.end() == len(octets)
        self._open_from = last.start() if is_open and last is not None else None

    def octet_edits(self, edits: Sequence[Edit]) -> list[Edit] | None:
        """Return *edits*, with the return to ASCII where one is made in shifted text."""
        result = []
        for edit in edits:
            if self._shifts.forbidden and self._shifts.forbidden in edit.insert:
                return None
            is_shifted = self._open_from is not None and edit.start > self._open_from
            if is_shifted and edit.insert:
                result.append(
                    Edit(start=edit.start, end=edit.end, insert=self._shifts.back + edit.insert)
                )
            else:
                result.append(edit)
        return result
