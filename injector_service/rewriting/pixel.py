"""The pixel: its URL and the element that makes a mail client fetch it."""

import dataclasses
import re
from typing import Final, NamedTuple

from injector_service.rewriting.outcome import RewriteWarning

# The path of every pixel URL, below whatever base an operator configures.
PIXEL_PATH: Final = "/o/{token}.gif"

# The whole URL stays below what every mail client, proxy and server accepts.
MAX_URL_CHARACTERS: Final = 2_000

# A URL cannot be broken, and a line of mail has 998 octets at most (RFC 5322 section
# 2.1.1): where the transfer encoding does not break lines, the element must fit on one.
MAX_UNBROKEN_URL_CHARACTERS: Final = 920

_TOKEN_IN_URL: Final = re.compile(r"/o/([A-Za-z0-9_-]++)\.gif(?=[?#]|\Z)")
_URL: Final = re.compile(r"https?://[!-~]+")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pixel:
    """A tracking pixel.

    *url* is absolute, ASCII without blanks, and at most 2,000 characters.

    Raises:
        ValueError: *url* is not such a URL.
    """

    url: str

    def __post_init__(self) -> None:
        if len(self.url) > MAX_URL_CHARACTERS:
            raise ValueError(f"pixel URL has {len(self.url)} characters, over {MAX_URL_CHARACTERS}")
        if not _URL.fullmatch(self.url):
            raise ValueError("pixel URL must be an absolute ASCII http or https URL")

    def markup(self) -> bytes:
        """Return the element, in ASCII, so that it is the same in every ASCII-like charset.

        No ``display:none``: Gmail was seen not to load such images
        (mautic issue 2193).  No closing slash: HTML has no use for it.
        """
        url = self.url
        # Not all of html.escape: its &gt; and &#x27; only make the message longer.
        for character, entity in (("&", "&amp;"), ('"', "&quot;"), ("<", "&lt;"), (">", "&gt;")):
            if character in url:
                url = url.replace(character, entity)
        # width, height: the layout moves by one pixel at most, also while images
        #   are blocked and a placeholder is drawn.
        # alt: empty, so that screen readers and blocked images say nothing.
        # border: Outlook draws a blue one around images in links.
        # position: out of the flow, so that no text moves.  In it the pixel costs a line
        #   at the start of a message, and a point before text after </body> (82 of 524
        #   messages looked different in Chromium: ADR 0010).
        attributes = 'width="1" height="1" alt="" border="0" style="position:absolute"'
        return f'<img src="{url}" {attributes}>'.encode("ascii")

    @staticmethod
    def token_of(url: str) -> str | None:
        """Return the token in a pixel URL of any base, or None if it is none."""
        found = _TOKEN_IN_URL.search(url)
        return None if found is None else found[1]


class MadePixel(NamedTuple):
    """A pixel, and what its maker had to leave out of it."""

    pixel: Pixel
    warnings: tuple[RewriteWarning, ...] = ()
