"""How the end of a message is marked (RFC 5321 section 4.5.2).

A line with a dot alone ends it; so each line of the message that begins with a dot gets one
more. Only CRLF begins a line and only CRLF ends one, whatever else a message holds.
"""

import re
from typing import Final

_END: Final = b"\r\n.\r\n"
_LINE_WITH_DOT: Final = b"\r\n."

# A server that is lenient takes these for the end: a dot after a lone LF or CR, and before
# another or the message's end. After CRLF it is not alone in what is sent. Each begins with what
# the engine looks for fast: 25 MB take 35 ms, and looking for whole sequences 250.
_RESEMBLING: Final = (
    re.compile(rb"\n\.(?<!\r\n\.)(?:[\r\n]|\Z)"),
    re.compile(rb"\r\.(?:[\r\n]|\Z)"),
)


class DotRemover:
    """Takes a message out of what follows DATA, however it is cut into pieces."""

    def __init__(self) -> None:
        # Begins where a line begins: the end of the command is the CRLF before a first dot.
        self._held = b"\r\n"
        self._is_at_start = True

    def feed(self, octets: bytes) -> tuple[bytes, bytes | None]:
        """Return octets of the message, and what follows its end; None: it has not ended."""
        octets = self._held + octets
        end = octets.find(_END)
        rest = None if end < 0 else octets[end + len(_END) :]
        # The CRLF before the dot is the message's own.
        to = len(octets) - _begun_end(octets) if end < 0 else end + len(b"\r\n")
        content, self._held = octets[:to], octets[to:]
        content = content.replace(_LINE_WITH_DOT, b"\r\n")
        if self._is_at_start and content:
            self._is_at_start = False
            content = content[2:]
        return content, rest


def _begun_end(octets: bytes) -> int:
    """Return how many of the last *octets* may be the beginning of the end."""
    return next((n for n in range(len(_END) - 1, 0, -1) if octets.endswith(_END[:n])), 0)


def resembles_end(message: bytes) -> bool:
    """Return whether a server might take the message for ended before its end.

    A dot between a lone CR or LF and another does that where a server takes them for CRLF:
    what follows would be commands to it (SMTP smuggling, CVE-2023-51764). BDAT has no such end.
    """
    return any(each.search(message) is not None for each in _RESEMBLING)
