"""Decodes quoted-printable (RFC 2045 section 6.7) as mail clients do, in pieces.

Of a large body a piece is decoded at a time, because the decoder takes three times the
memory of what it is given.  A piece ends where the decoder remembers nothing: after a line
end, or inside a line that is as long as a piece between two tokens.
"""

import binascii
import io
import re
from typing import Final

# As large as most bodies: these are decoded in one piece.  Of what is replaced in a piece
# each takes fifty octets.
_PIECE_OCTETS: Final = 1 << 15
_PADDED_PIECE_OCTETS: Final = 1 << 12

# Soft breaks with white space after the "=", added in transport.
_PADDED_BREAK: Final = re.compile(rb"=[ \t]++(?=\r?\n)")

# With more of them than lines of half the usual length would have, in all but small bodies,
# it is not quoted-printable, and "=" stands for itself.
_MAX_PADDED: Final = 1_000
_LEAST_LINE_OCTETS: Final = 32

# What one "=" or a pair may take with it: an escape's digits, white space before a line
# end, and after a CR everything up to a line feed.
_REACH: Final = re.compile(
    rb"==(?:(?==)|[ \t]*+\r?\n|)|=(?:[0-9A-Fa-f]{2}|[ \t]++\r?\n|\r[^\n]*+\n?|.)?",
    re.DOTALL,
)


def decode(raw: bytes, start: int = 0, end: int | None = None) -> bytes:
    """Decode ``raw[start:end]``; whatever is not quoted-printable stands for itself."""
    end = len(raw) if end is None else end
    # Mostly there is none.
    is_padded = may_be_padded(raw, start, end) and _are_breaks(raw, start, end)
    if end - start <= _PIECE_OCTETS and not is_padded:
        return binascii.a2b_qp(raw[start:end])
    out = io.BytesIO()
    while start < end:
        stop = _piece_end(raw, start, end, _PADDED_PIECE_OCTETS if is_padded else _PIECE_OCTETS)
        encoded = raw[start:stop]
        out.write(binascii.a2b_qp(_PADDED_BREAK.sub(b"=", encoded) if is_padded else encoded))
        start = stop
    return out.getvalue()


def may_be_padded(raw: bytes, start: int, end: int) -> bool:
    """Say whether there is an "=" with white space after it in ``raw[start:end]``."""
    # From the end CPython searches twice as fast, for one octet thirty times.
    return raw.rfind(b"= ", start, end) >= 0 or (
        raw.find(b"\t", start, end) >= 0 and raw.rfind(b"=\t", start, end) >= 0
    )


def _are_breaks(raw: bytes, start: int, end: int) -> bool:
    """Say whether each "=" with white space after it is a soft break, padded in transport."""
    count = raw.count(b"= ", start, end) + raw.count(b"=\t", start, end)
    return count <= max(_MAX_PADDED, (end - start) // _LEAST_LINE_OCTETS)


def _piece_end(raw: bytes, start: int, end: int, size: int) -> int:
    """Return where a piece of about *size* that begins at *start* may end."""
    limit = start + size
    if limit >= end:
        return end
    line_end = raw.find(b"\n", limit, min(limit + size, end))
    if line_end < 0:
        line_end = raw.rfind(b"\n", start, limit)
    if line_end >= 0:
        return line_end + 1
    if raw.find(b"\r", start, limit) >= 0:
        # After "=" and CR decoders take everything up to a line feed for a soft break.
        return raw.find(b"\n", limit, end) + 1 or end
    return _between_tokens(raw, start, limit, end)


def _between_tokens(raw: bytes, start: int, limit: int, end: int) -> int:
    """Return an offset between two tokens of ``raw[start:limit]``, which has no line end.

    Without an "=" any offset is; with some, the one before the last, unless it is one of
    several in a row or the first octet.
    """
    sign = raw.rfind(b"=", start, limit)
    if sign < 0:
        return limit
    if sign > start and not raw.startswith(b"=", sign - 1):
        return sign
    run = len(raw[start : sign + 1].rstrip(b"="))
    if run:
        return start + run
    # Signs from the start on: decoders take them in pairs, the last with what follows it.
    pairs = (sign - start) // 2
    if pairs:
        return start + 2 * pairs
    reach = _REACH.match(raw, start, end)
    return limit if reach is None else max(limit, reach.end())
