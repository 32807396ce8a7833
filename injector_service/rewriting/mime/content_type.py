"""The value of a Content-Type field (RFC 2045 section 5.1), read as mail clients read it."""

import functools
import itertools
import re
import urllib.parse
from typing import Final, NamedTuple

# QUIRK: type and parameters are seen without the semicolon between them.
_MEDIA_TYPE: Final = re.compile(rb"\s*+([^\s;/()<>,\"=]++)\s*+/\s*+([^\s;/()<>,\"=]++)")

# QUIRK: the closing quote is missing in real mail; clients then take the rest of the line.
_PARAMETER: Final = re.compile(
    rb"(?:;\s*+|(?<![\s;])\s++)([^\s=;\"()]++)\s*+=\s*+(?:\"((?:[^\"\\]++|\\.)*+)(?:\"|\Z)|([^\s;\"]*+))",
    re.DOTALL,
)

# A comment that does not end goes up to the end, and no other one can end in there: else
# each "(" in it would look through the rest again.
_COMMENT: Final = rb"\((?:[^()\\]++|\\.)*+(?:(\))|\\?\Z)"
_COMMENTS: Final = re.compile(_COMMENT, re.DOTALL)
_QUOTED_OR_COMMENT: Final = re.compile(rb"\"(?:[^\"\\]++|\\.)*+(?:\"|\Z)|" + _COMMENT, re.DOTALL)
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)

# In a value with more of them, comments and quoted strings, comments are left alone.
_MAX_COMMENTS: Final = 200

# Each costs a step of Python.  Of 1,976 real values none has more than 6.
_MAX_PARAMETERS: Final = 256

# RFC 2231 section 3 numbers the pieces of a parameter; nobody needs more of them.
_MAX_PIECES: Final = 64


# Most parts of all mail have one of a few dozen short values.  What is longer, mostly
# because of a boundary, is in one message only, and is not remembered.
_MAX_REMEMBERED_OCTETS: Final = 64
_REMEMBERED_VALUES: Final = 256


class ContentType(NamedTuple):
    """Type and subtype in lower case, and the field's value for its parameters."""

    media_type: bytes
    subtype: bytes
    value: bytes

    def parameter(self, name: bytes) -> bytes | None:
        """Return a parameter by its lower-case name, put together as RFC 2231 says, or None."""
        pieces: dict[bytes, bytes] = {}
        for found in itertools.islice(_PARAMETER.finditer(self.value), _MAX_PARAMETERS):
            key = found[1].lower()
            if key == name:
                return _value(found)
            if key.startswith(name + b"*"):
                pieces.setdefault(key[len(name) :], _value(found))
        return _joined(pieces) if pieces else None

    def charset(self) -> bytes:
        """Return the charset's name in lower case; empty if none is given."""
        is_short = len(self.value) <= _MAX_REMEMBERED_OCTETS
        return _remembered_charset(self) if is_short else _charset(self)


def parse_content_type(value: bytes) -> ContentType | None:
    """Parse a Content-Type value; None if there is no media type in it."""
    return _remembered(value) if len(value) <= _MAX_REMEMBERED_OCTETS else _parsed(value)


def _parsed(value: bytes) -> ContentType | None:
    if b"(" in value and value.count(b"(") + value.count(b'"') <= _MAX_COMMENTS:
        value = _QUOTED_OR_COMMENT.sub(_without_comment, value)
    found = _MEDIA_TYPE.match(value)
    if found is None:
        return None
    return ContentType(
        media_type=found[1].lower(), subtype=found[2].lower(), value=value[found.end() :]
    )


def _without_comment(found: re.Match[bytes]) -> bytes:
    return b" " if found[1] else found[0]


def _charset(content_type: ContentType) -> bytes:
    return (content_type.parameter(b"charset") or b"").strip().lower()


_remembered = functools.lru_cache(_REMEMBERED_VALUES)(_parsed)
_remembered_charset = functools.lru_cache(_REMEMBERED_VALUES)(_charset)


def first_token(value: bytes | None) -> bytes:
    """Return the first word of a value such as Content-Transfer-Encoding, in lower case."""
    if value is None:
        return b""
    if 0 < value.count(b"(") <= _MAX_COMMENTS:
        value = _COMMENTS.sub(_without_comment, value)
    words = value.replace(b";", b" ").split(None, 1)
    return words[0].lower().strip(b"\"'") if words else b""


def _value(found: re.Match[bytes]) -> bytes:
    quoted = found[2]
    if quoted is None:
        return found[3]
    if b"\n" in quoted:
        # A folded line inside quotes stands for its white space.
        quoted = quoted.replace(b"\r\n", b"").replace(b"\n", b"")
    return _ESCAPED.sub(rb"\1", quoted) if b"\\" in quoted else quoted


def _joined(pieces: dict[bytes, bytes]) -> bytes | None:
    """Join a parameter's pieces, by what follows its name in their keys (RFC 2231 section 3)."""
    whole = pieces.get(b"*")
    if whole is not None:
        return _without_charset(whole)
    joined = b""
    for number in range(_MAX_PIECES):
        key = b"*%d" % number
        if key + b"*" in pieces:
            piece = pieces[key + b"*"]
            joined += (
                _without_charset(piece) if number == 0 else urllib.parse.unquote_to_bytes(piece)
            )
        elif key in pieces:
            joined += pieces[key]
        else:
            break
    return joined or None


def _without_charset(value: bytes) -> bytes:
    return urllib.parse.unquote_to_bytes(value.rsplit(b"'", 1)[-1])
