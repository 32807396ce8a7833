"""Where in a message's HTML a pixel is."""

import dataclasses
import email
import email.message
from collections.abc import Iterator
from typing import Final

# What is shown of the HTML at either side.
_AROUND: Final = 400


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A pixel's place."""

    part: int
    """Which of the message's parts that hold no others, from 1."""

    parts: int
    """How many of those there are."""

    content_type: str
    transfer_encoding: str
    charset: str
    offset: int
    """In characters of the decoded HTML."""

    html_length: int
    before: str
    pixel: str
    after: str

    @property
    def is_cut_before(self) -> bool:
        """Whether there is more HTML before what is shown."""
        return self.offset > len(self.before)

    @property
    def is_cut_after(self) -> bool:
        """Whether there is more HTML after what is shown."""
        shown = self.offset + len(self.pixel) + len(self.after)
        return shown < self.html_length


def place_of(raw_message: bytes, pixel_url: str) -> Place | None:
    """Return where the pixel with *pixel_url* is; None if it cannot be found.

    Args:
        raw_message: a message as the injector service returned it: one that it has tracked,
            so its parts are as few and as flat as the service allows.
        pixel_url: the pixel's URL.
    """
    leaves = [part for part in email.message_from_bytes(raw_message).walk() if _is_leaf(part)]
    for number, part in enumerate(leaves, start=1):
        if part.get_content_type() != "text/html":
            continue
        html = _text_of(part)
        if found := _element_with(pixel_url, html):
            start, end = found
            return Place(
                part=number,
                parts=len(leaves),
                content_type=part.get_content_type(),
                transfer_encoding=str(part.get("Content-Transfer-Encoding", "7bit")).strip(),
                charset=part.get_content_charset() or "not stated",
                offset=start,
                html_length=len(html),
                before=html[max(0, start - _AROUND) : start],
                pixel=html[start:end],
                after=html[end : end + _AROUND],
            )
    return None


def _element_with(url: str, html: str) -> tuple[int, int] | None:
    """Return where the image with *url* begins and ends."""
    # From the URL outwards: a message may hold `<img` a million times, and from each of them
    # the end is far.
    at = html.find(url)
    if at < 0:
        return None
    start, last = html.rfind("<img", 0, at), html.find(">", at)
    return (start, last + 1) if min(start, last) >= 0 else None


def _is_leaf(part: email.message.Message) -> bool:
    return not part.is_multipart()


def _text_of(part: email.message.Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    for charset in _charsets(part):
        try:
            return payload.decode(charset, "replace")
        except (LookupError, ValueError):  # Python knows a charset "undefined", which raises
            continue
    return ""


def _charsets(part: email.message.Message) -> Iterator[str]:
    yield part.get_content_charset() or "latin-1"
    # Every octet is a character of it, and a pixel is ASCII.
    yield "latin-1"
