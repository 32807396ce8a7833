"""The address in a mailbox, as a header field has it."""

import re
import unicodedata
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

_QUOTED_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)

# How a label of a domain begins whose letters are not all ASCII, and how long one may be (RFC
# 5890, RFC 1035).
_ENCODED: Final = "xn--"
_MAX_LABEL: Final = 63

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


def comparable(address: str) -> str:
    """Return what is the same for all ways of writing *address*, as `address_of` returns it.

    Without regard to case, as every mail system in use compares them; to how an accent is put
    on its letter; to quotes (RFC 5321 section 4.1.2: "a"@b is a@b); and to whether an
    international domain is written in its own letters or in ASCII.
    """
    local, _, domain = address.rpartition("@")
    if len(local) > 1 and local[0] == local[-1] == '"':
        local = _QUOTED_PAIR.sub(r"\1", local[1:-1])
    domain = ".".join(map(_in_its_letters, domain.removesuffix(".").split(".")))
    return _normal(_normal(f"{local}@{domain}").casefold())


def _in_its_letters(label: str) -> str:
    if label[: len(_ENCODED)].lower() != _ENCODED or len(label) > _MAX_LABEL:
        return label
    try:
        decoded = label[len(_ENCODED) :].encode("ascii").decode("punycode")
        # It may have decoded to halves of a surrogate pair.
        decoded.encode()
    except UnicodeError:
        return label
    return decoded


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _without_comments(mailbox: str) -> str:
    for _ in range(_MAX_NESTING):
        mailbox = _COMMENT.sub(r"\1", mailbox)
    return _STRAY.sub(r"\1", mailbox)
