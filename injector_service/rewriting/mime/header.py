"""The header block of a message or of a part, looked at without being parsed.

A message that is only passed through needs three or four of its fields.  So a
`Header` keeps its octets and finds a field when it is asked for it.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from injector_service.rewriting.mime.content_type import parse_content_type
from injector_service.rewriting.mime.multiparts import is_delimiter_line

# Long chains of ARC and DKIM signatures reach 60 KB; a To field comes near this
# with ten thousand addresses.
MAX_HEADER_OCTETS: Final = 1 << 19

# Each may cost some steps of Python.  Of 953 real messages none has more than 110.
MAX_FIELDS: Final = 2_000

# A field (RFC 5322 section 3.6.8) with its folded lines.
# QUIRK: white space before the colon is obsolete (section 4.5) yet in use.
_FIELD: Final = rb"[!-9;-~]++[ \t]*+:[^\n]*+(?:\n[ \t][^\n]*+)*+(?:\n|\Z)"

# Up to a name that begins with "--": it may be a delimiter that follows the block
# without a blank line, for a boundary may hold a colon.
# QUIRK: mail stores leave their "From " separator line, quoted or not, in the block.
# One more than is looked at says that it is too many.
_BLOCK: Final = re.compile(
    rb"(?:(?!--)" + _FIELD + rb"|>?From [^\n]*+(?:\n|\Z)){0,%d}+" % (MAX_FIELDS + 1)
)
_HYPHEN_FIELD: Final = re.compile(rb"--" + _FIELD)
_NAME_AND_VALUE: Final = re.compile(rb"([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)(?:\n|\Z)")
_FIELDS: Final = re.compile(rb"(?m)^" + _NAME_AND_VALUE.pattern)

# What a value has more than this is not made a text: no pixel holds as much by far, and
# a character may take four octets.
MAX_TEXT_OCTETS: Final = 1 << 13
MAX_ADDRESS_OCTETS: Final = 1 << 16

# Octets of a character in UTF-8 after its first.
_MAX_CONTINUATIONS: Final = 3

# Each may cost a look at the fields above it; real headers have one at most.
_MAX_HYPHEN_FIELDS: Final = 8

# QUIRK: editors put a UTF-8 byte order mark in front of a message.
_UTF8_MARK: Final = b"\xef\xbb\xbf"


class HeaderField(NamedTuple):
    """One header field.

    *value* is as found, only unfolded and without the white space around it.
    """

    name: str
    value: str


class Header:
    """The header fields in ``raw[start:end]``, found when asked for.

    *body_start* is the octet offset of what follows the block; *recipients* is kept by
    `recipient_addresses`, which several ask for.
    """

    __slots__ = ("_lowered", "_raw", "body_start", "end", "recipients", "start")

    def __init__(self, raw: bytes, *, start: int, end: int, body_start: int) -> None:
        self.start = start
        self.end = end
        self.body_start = body_start
        self.recipients: Sequence[str | None] | None = None
        self._raw = raw
        # With a line end in front, every field name has one before it.
        self._lowered = (b"\n" + raw[start:end]).lower()

    def __len__(self) -> int:
        """How many octets it has, without the blank line that ends it."""
        return self.end - self.start

    def count_lines(self) -> int:
        """Return how many lines it has."""
        return self._lowered.count(b"\n")

    def count_octets(self, lowered_name: bytes) -> int:
        """Return how many octets the fields with this name have together."""
        if self._lowered.find(b"\n" + lowered_name) < 0:
            return 0
        return sum(found.end() - found.start() for found in self._all(lowered_name))

    @property
    def is_complete(self) -> bool:
        """Whether it has a line with its end at least."""
        return self._lowered.find(b"\n", 1) >= 0

    def fields(self, lowered_names: Collection[str]) -> Iterator[HeaderField]:
        """Yield the fields that are called one of these, in their order."""
        for found in _FIELDS.finditer(self._raw[self.start : self.end]):
            name = found[1].decode("ascii")
            if name.lower() in lowered_names:
                yield HeaderField(name, text_of(_start_of(found[2])))

    def text(self, lowered_name: bytes) -> str:
        """Return what `get` returns, or nothing for None."""
        value = self.find(lowered_name)
        return "" if value is None else text_of(_start_of(value))

    def get(self, name: str) -> str | None:
        """Return the unfolded value of the first field called *name*, or None.

        Of a very long value only the start.
        """
        value = self.find(name.lower().encode("ascii"))
        return None if value is None else text_of(_start_of(value))

    def get_all(self, name: str) -> list[str | None]:
        """Return the unfolded values of all fields called *name*, in their order.

        None for each that is longer than any list of addresses that we look at.
        """
        return [
            text_of(value) if len(value) <= MAX_ADDRESS_OCTETS else None
            for value in self._values(name.lower().encode("ascii"))
        ]

    def _values(self, lowered_name: bytes) -> Iterable[bytes]:
        first = self.find(lowered_name)
        if first is None:
            return ()
        # Mostly it is the only one.
        wanted = b"\n" + lowered_name
        if self._lowered.rfind(wanted) == self._lowered.find(wanted):
            return (first,)
        return (found[2] for found in self._all(lowered_name))

    def find(self, lowered_name: bytes) -> bytes | None:
        """Return the first value of a field as found, folds included, or None."""
        # Mostly it is not there, or the first that looks so is it: no generator for that.
        at = self._lowered.find(b"\n" + lowered_name)
        if at < 0:
            return None
        found = _NAME_AND_VALUE.match(self._raw, self.start + at, self.end)
        if found is not None and len(found[1]) == len(lowered_name):
            return found[2]
        return next((each[2] for each in self._all(lowered_name)), None)

    def spans(self, name: str) -> list[tuple[int, int]]:
        """Return where in the message the fields called *name* are, line ends included."""
        return [found.span() for found in self._all(name.lower().encode("ascii"))]

    def _all(self, lowered_name: bytes) -> Iterator[re.Match[bytes]]:
        """Yield each field with this name: group 2 is its value."""
        wanted = b"\n" + lowered_name
        at = self._lowered.find(wanted)
        while at >= 0:
            # In the block, without the added line end, the field starts at *at*.
            found = _NAME_AND_VALUE.match(self._raw, self.start + at, self.end)
            if found is not None and len(found[1]) == len(lowered_name):
                yield found
            at = self._lowered.find(wanted, at + 1)


def _start_of(value: bytes) -> bytes:
    """Return as much of a field's value as is made a text, in whole characters."""
    end = MAX_TEXT_OCTETS
    if len(value) <= end:
        return value
    while end > MAX_TEXT_OCTETS - _MAX_CONTINUATIONS and value[end] & 0xC0 == 0x80:  # noqa: PLR2004 - how UTF-8 marks them
        end -= 1
    return value[:end]


def text_of(value: bytes) -> str:
    """Return a field value as text: unfolded, UTF-8, or Latin-1 where it is not UTF-8."""
    if b"\n" in value:
        value = value.replace(b"\r\n", b"").replace(b"\n", b"")
    value = value.strip()
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def read_header(
    raw: bytes, start: int, end: int, *, is_delimiter: Callable[[int], bool] = lambda _at: False
) -> Header | None:
    """Read the header block at *start*; None if it is longer than we look at.

    It ends as rule 1 says, of which *is_delimiter* knows the open multiparts.  Without a
    blank line the body begins with the line that ends the block.
    """
    limit = min(end, start + MAX_HEADER_OCTETS)
    found = _BLOCK.match(raw, start, limit)
    # The pattern matches the empty string, so there is always a match.
    block_end = start if found is None else found.end()
    if raw.startswith(b"--", block_end):
        block_end = _end_after_hyphens(raw, start, block_end, limit, is_delimiter)
    if block_end == limit < end:
        return None
    # A line has an octet at least.
    if block_end - start > MAX_FIELDS and _has_too_many_fields(raw, start, block_end):
        return None
    body_start = block_end
    if raw.startswith(b"\r\n", block_end, end):
        body_start += 2
    elif raw.startswith(b"\n", block_end, end):
        body_start += 1
    return Header(raw, start=start, end=block_end, body_start=body_start)


def _has_too_many_fields(raw: bytes, start: int, end: int) -> bool:
    lines = raw.count(b"\n", start, end)
    if lines <= MAX_FIELDS:
        return False
    folded = raw.count(b"\n ", start, end) + raw.count(b"\n\t", start, end)
    return lines - folded > MAX_FIELDS


def read_message_header(raw: bytes) -> Header | None:
    """Read the header of the message *raw*; None if it is longer than we look at."""
    return read_header(raw, message_start(raw), len(raw))


def _end_after_hyphens(
    raw: bytes, start: int, block_end: int, limit: int, is_delimiter: Callable[[int], bool]
) -> int:
    """Return the end of the block that begins at *start*, fields with hyphens included."""
    for _ in range(_MAX_HYPHEN_FIELDS):
        field = _HYPHEN_FIELD.match(raw, block_end, limit)
        if field is None or is_delimiter(block_end) or _is_own_delimiter(raw, start, block_end):
            break
        rest = _BLOCK.match(raw, field.end(), limit)
        block_end = field.end() if rest is None else rest.end()
    return block_end


def _is_own_delimiter(raw: bytes, start: int, at: int) -> bool:
    """Say whether the line at *at* is a delimiter by the fields of the block above it."""
    value = Header(raw, start=start, end=at, body_start=at).find(b"content-type")
    content_type = None if value is None else parse_content_type(value)
    boundary = None if content_type is None else content_type.parameter(b"boundary")
    return bool(boundary) and is_delimiter_line(raw, at, b"--" + (boundary or b"").rstrip())


def message_start(raw: bytes, start: int = 0) -> int:
    """Return where the header of a message at *start* begins, after a byte order mark."""
    return start + len(_UTF8_MARK) if raw.startswith(_UTF8_MARK, start) else start
