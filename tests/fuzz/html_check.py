"""Whether a browser's parser makes an image of the pixel."""

import re
from typing import Final

from selectolax.lexbor import LexborHTMLParser

# Charsets in which octets of markup mean something else now and then: a decoder
# would be needed, and an error in it would be taken for one of the rewriting.
_SHIFTED: Final = re.compile(rb"[\x00\x0e\x1b]|~\{")

# What draws no images that are in it, or shows them instead of something else.
_INERT: Final = frozenset({"template", "select", "noscript", "object", "iframe", "video", "audio"})


def missing_image(text: bytes, url: str, *, may_not_load: bool) -> str | None:
    """Return what is wrong with the image of *url* in the HTML *text*, or None.

    It has to be one element, outside of what draws none, unless that is what
    the sender was warned of (*may_not_load*).
    """
    if _SHIFTED.search(text):
        return None
    tree = LexborHTMLParser(text.decode("latin-1"))
    images = [node for node in tree.css("img") if node.attributes.get("src") == url]
    if len(images) != 1:
        return "pixel is no element" if not images else "pixel is there more than once"
    parent = images[0].parent
    while parent is not None and not may_not_load:
        if parent.tag in _INERT:
            return "pixel is where no image is drawn"
        parent = parent.parent
    return None
