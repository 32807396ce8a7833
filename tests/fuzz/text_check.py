"""Whether the HTML still says what it said, as decoders that are not ours read it."""

import binascii
import re
from collections.abc import Iterator
from typing import Final

from injector_service.rewriting.budget import Budget
from injector_service.rewriting.mime import HtmlPart, find_html_part, message_start
from injector_service.rewriting.mime.header import read_header
from tests.fuzz.words import OWN_TOKEN

# Wide and shifted charsets: how they write the pixel's ASCII.
_CODECS: Final = ("ascii", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_BREAKS: Final = (b"", b"\r\n", b"\n")
# What a pixel may bring with it: the return to ASCII of ISO-2022, SO/SI and HZ.
_RETURNS: Final = (b"", b"\x1b(B", b"\x0f", b"~}")
_BEFORE: Final = tuple(back + line_end for back in _RETURNS for line_end in _BREAKS)

_PADDED_BREAK: Final = re.compile(rb"=[ \t]+(?=\r?\n)")
_REWRITTEN: Final = re.compile(rb"(?i)opentracker")


def changed_text(raw: bytes, out: bytes, markup: bytes) -> str | None:
    """Return what is wrong with the HTML of *out*, which is *raw* with *markup* in it, or None.

    Texts that hold placeholders or own pixels are passed over: they change by
    more than the pixel.  So are those that the decoders here cannot read.
    """
    before = _part(raw)
    if before is None:
        return None
    was = _decoded(raw, before)
    if was is None or _REWRITTEN.search(was.replace(b"\0", b"")) or _holds_own(was):
        return None
    # The same place: what is before the part's body is not changed.
    moved = len(out) - len(raw)
    now = _decoded(out, before, end=before.end + moved)
    if now is None:
        return "text cannot be decoded any more"
    if not was:
        # A part without a body gets the blank line that it lacks, too, and a line end.
        now = now.strip(b"\r\n")
    if any(_is_kept(was, without, before) for without in _without(now, markup)):
        return None
    return "text changed"


def _is_kept(was: bytes, without: bytes, part: HtmlPart) -> bool:
    """Say whether *without* is what the text *was*.

    After base64 without padding a list server's footer reads as a few octets of
    garbage; after the pixel's padding it does not, and nobody misses them.  Where
    only a line end at the end makes room for padding, it is there.
    """
    if part.transfer_encoding == b"base64" and without.endswith(b"\n") and was != without:
        without = without[:-1]
    if part.transfer_encoding == b"base64" and len(without) * 2 > len(was):
        return was.startswith(without)
    return was == without


def html_of(raw: bytes) -> bytes | None:
    """Return the decoded HTML of *raw*; None without one, in UTF-7, or if it cannot be decoded."""
    part = _part(raw)
    return None if part is None else _decoded(raw, part)


def _holds_own(text: bytes) -> bool:
    return OWN_TOKEN.encode() in text.replace(b"\0", b"")


def _part(raw: bytes) -> HtmlPart | None:
    header = read_header(raw, message_start(raw), len(raw))
    part = None if header is None else find_html_part(raw, header, Budget(len(raw)))
    # UTF-7 writes the same text in many ways.
    is_plain = isinstance(part, HtmlPart) and b"7" not in part.charset
    return part if is_plain and isinstance(part, HtmlPart) else None


def _decoded(raw: bytes, part: HtmlPart, end: int | None = None) -> bytes | None:
    body = raw[part.start : part.end if end is None else end]
    try:
        if part.transfer_encoding == b"base64":
            return binascii.a2b_base64(body)
        if part.transfer_encoding == b"quoted-printable":
            return binascii.a2b_qp(_PADDED_BREAK.sub(b"=", body))
    except binascii.Error:
        return None
    return body


def _without(text: bytes, markup: bytes) -> Iterator[bytes]:
    """Yield *text* without the pixel, and without a line break beside it."""
    for codec in _CODECS:
        encoded = markup.decode("ascii").encode(codec)
        at = text.find(encoded)
        while at >= 0:
            before, after = text[:at], text[at + len(encoded) :]
            for left in _BEFORE:
                for right in _BREAKS:
                    if before.endswith(left) and after.startswith(right):
                        yield before[: len(before) - len(left)] + after[len(right) :]
            at = text.find(encoded, at + 1)
