"""What a server announces that it can do (RFC 5321 section 4.1.1.1)."""

import dataclasses
from collections.abc import Mapping
from typing import Final

from mail_bridge.smtp.command import Parameters
from mail_bridge.smtp.reply import Reply

# Which extension a parameter of MAIL or RCPT belongs to (RFC 1870, RFC 6152, RFC 6531,
# RFC 3461).
_OF_PARAMETER: Final = {
    b"SIZE": b"SIZE",
    b"BODY": b"8BITMIME",
    b"SMTPUTF8": b"SMTPUTF8",
    b"RET": b"DSN",
    b"ENVID": b"DSN",
    b"NOTIFY": b"DSN",
    b"ORCPT": b"DSN",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Extensions:
    """The keywords of a server's answer to EHLO or LHLO."""

    keywords: Mapping[bytes, bytes] = dataclasses.field(default_factory=dict)
    """Each in capitals, with its parameters verbatim."""

    def __contains__(self, keyword: bytes) -> bool:
        return keyword in self.keywords

    def parameters(self, keyword: bytes) -> tuple[bytes, ...]:
        """Return the parameters of *keyword*; none if it is not announced."""
        return tuple(self.keywords.get(keyword, b"").split())

    def lack(self, parameters: Parameters) -> bool:
        """Return whether any of *parameters* belongs to an extension that is not announced."""
        return any(_OF_PARAMETER[each] not in self for each in parameters if each in _OF_PARAMETER)

    @property
    def max_message_octets(self) -> int | None:
        """The largest message that is taken (RFC 1870); None: not said."""
        size = next(iter(self.parameters(b"SIZE")), b"")
        return int(size) or None if size.isdigit() else None

    @classmethod
    def of(cls, reply: Reply) -> "Extensions":
        """Return what *reply* to EHLO announces; its first line is a greeting."""
        keywords = {}
        for line in reply.lines[1:]:
            keyword, _, parameters = line.strip().partition(b" ")
            # QUIRK: some servers write AUTH=LOGIN for clients that are older than RFC 2554.
            if keyword and b"=" not in keyword:
                keywords[keyword.upper()] = parameters
        return cls(keywords)
