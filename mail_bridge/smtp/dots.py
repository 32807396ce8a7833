"""How the end of a message is marked (RFC 5321 section 4.5.2).

A line with a dot alone ends it; so each line of the message that begins with a dot gets one
more. Only CRLF begins a line and only CRLF ends one, whatever else a message holds.
"""

from typing import Final

_END: Final = b"\r\n.\r\n"
_LINE_WITH_DOT: Final = b"\r\n."

# A server that is lenient takes these for the end. The dot after a CRLF is never alone in what
# is sent, so this LF has no CR before it.
_RESEMBLING: Final = (b"\n.\n", b"\n.\r", b"\r.\n", b"\r.\r")


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


def with_dots(message: bytes) -> bytes:
    """Return what is sent after DATA for *message*, with its end.

    A message without CRLF at its end gets one: DATA has no other way to end it.
    """
    stuffed = _stuffed(message)
    if not stuffed or stuffed.endswith(b"\r\n"):
        return stuffed + b".\r\n"
    return stuffed + _END


def _stuffed(message: bytes) -> bytes:
    if _LINE_WITH_DOT in message:
        message = message.replace(_LINE_WITH_DOT, b"\r\n..")
    return b"." + message if message.startswith(b".") else message


def resembles_end(message: bytes) -> bool:
    """Return whether a server might take the message for ended before its end.

    A dot between a lone CR or LF and another does that where a server takes them for CRLF:
    what follows would be commands to it (SMTP smuggling, CVE-2023-51764). BDAT has no such end.
    """
    stuffed = _stuffed(message)
    return stuffed.endswith((b"\n.", b"\r.")) or any(each in stuffed for each in _RESEMBLING)
