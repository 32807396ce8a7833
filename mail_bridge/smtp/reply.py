"""Replies, ours and the next hop's (RFC 5321 section 4.2)."""

import dataclasses
from typing import Final

# RFC 5321 section 4.5.3.1.5 allows 512; servers write more, such as policies with URLs.
MAX_LINE_OCTETS: Final = 4096

# A server may announce some dozen extensions; more than this is no reply.
MAX_LINES: Final = 256

_CODE_DIGITS: Final = 3


class ReplyMalformed(Exception):
    """What a server said is no reply."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """What a server answers to one command, or to a message for one recipient."""

    code: int

    lines: tuple[bytes, ...]
    """What follows the code in each line, verbatim, without the line's end; at least one."""

    @property
    def is_positive(self) -> bool:
        """Whether the command was completed."""
        return self.code // 100 == 2  # noqa: PLR2004 - RFC 5321 section 4.2.1: 2yz

    @property
    def is_intermediate(self) -> bool:
        """Whether the server waits for more."""
        return self.code // 100 == 3  # noqa: PLR2004 - RFC 5321 section 4.2.1: 3yz

    @property
    def is_deferral(self) -> bool:
        """Whether the command was refused for now."""
        return self.code // 100 == 4  # noqa: PLR2004 - RFC 5321 section 4.2.1: 4yz

    @property
    def is_closing(self) -> bool:
        """Whether the server is about to close the connection, whatever it was asked."""
        return self.code == 421  # noqa: PLR2004 - RFC 5321 section 4.2.2

    def octets(self) -> bytes:
        """Return the reply as it goes over the wire."""
        *others, last = self.lines
        return b"".join(
            [
                *(b"%d-%b\r\n" % (self.code, each) for each in others),
                b"%d %b\r\n" % (self.code, last),
            ]
        )


class ReplyReader:
    """Takes replies out of what a server sends, however it is cut into pieces."""

    def __init__(self) -> None:
        self._rest = b""
        self._code: int | None = None
        self._lines: list[bytes] = []

    def feed(self, octets: bytes) -> list[Reply]:
        """Return the replies that *octets* complete.

        Raises:
            ReplyMalformed: they are none; what follows cannot be understood any more.
        """
        *lines, self._rest = (self._rest + octets).split(b"\n")
        if len(self._rest) > MAX_LINE_OCTETS:
            raise ReplyMalformed("a line without end")
        return [reply for line in lines if (reply := self._line(line)) is not None]

    def _line(self, line: bytes) -> Reply | None:
        line = line.removesuffix(b"\r")
        code, rest = line[:_CODE_DIGITS], line[_CODE_DIGITS:]
        if len(line) > MAX_LINE_OCTETS or len(self._lines) == MAX_LINES:
            raise ReplyMalformed("a reply without end")
        if len(code) != _CODE_DIGITS or not code.isdigit() or rest[:1] not in (b"", b" ", b"-"):
            raise ReplyMalformed("a line without a code")
        if self._code not in (None, int(code)):
            raise ReplyMalformed("a reply with two codes")
        self._code = int(code)
        self._lines.append(rest[1:])
        if rest.startswith(b"-"):
            return None
        reply = Reply(self._code, tuple(self._lines))
        self._code, self._lines = None, []
        return reply
