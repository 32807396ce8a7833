"""When two addresses are one person's: the same wherever somebody asks."""

import re
import unicodedata
from typing import Final

_QUOTED_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)

# How a label of a domain begins whose letters are not all ASCII, and how long one may be (RFC
# 5890, RFC 1035).
_ENCODED: Final = "xn--"
_MAX_LABEL: Final = 63


def comparable(address: str) -> str:
    """Return what is the same for all ways of writing *address*, alone, without a display name.

    Without regard to case, as every mail system in use compares them; to how an accent is put
    on its letter; to quotes (RFC 5321 section 4.1.2: "a"@b is a@b); and to whether an
    international domain is written in its own letters or in ASCII.
    """
    lower = address.lower()
    if (
        address.isascii()
        and "@" in lower
        and '"' not in lower
        and _ENCODED not in lower
        and lower[-1] != "."
    ):
        # Most are like this, and there is nothing else to do about them.
        return lower
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
