"""The address in a mailbox, as a header field has it."""

import re
from email.utils import parseaddr
from typing import Final

_ADDRESS: Final = r'[^\s"()<>\\,:;@\[\]]++@[^\s"()<>\\,:;@\[\]]++'

# `address`, and `name <address>` with the name quoted or not.
_COMMON_MAILBOX: Final = re.compile(
    rf'({_ADDRESS})|(?:"[^"\\]*+"|[^"()<>\\,:;@]++)*+<({_ADDRESS})>'
)

_QUOTED: Final = r'"(?:[^"\\]++|\\.)*+"|\\.'

# A comment without others in it, or a parenthesis that begins none that ends.
_COMMENT: Final = re.compile(rf"({_QUOTED})|\((?:[^()\\]++|\\.)*+\)", re.DOTALL)
_STRAY: Final = re.compile(rf"({_QUOTED})|\(", re.DOTALL)

# Comments in comments, and groups in groups: mail has none, and the standard library
# follows each into a call of its own, which a thousand are too many for.
_MAX_NESTING: Final = 8
_MAX_GROUPS: Final = 100


def address_of(mailbox: str) -> str:
    """Return the address in *mailbox*; empty if there is none.

    The full grammar (RFC 5322 section 3.4) takes as long as all the rest of a
    notification, and the two common forms can be told apart without it.
    """
    common = _COMMON_MAILBOX.fullmatch(mailbox)
    if common is not None:
        return common[1] or common[2]
    if mailbox.count(":") > _MAX_GROUPS:
        return ""
    if mailbox.count("(") > _MAX_NESTING:
        mailbox = _without_comments(mailbox)
    return parseaddr(mailbox)[1]


def _without_comments(mailbox: str) -> str:
    for _ in range(_MAX_NESTING):
        mailbox = _COMMENT.sub(r"\1", mailbox)
    return _STRAY.sub(r"\1", mailbox)
