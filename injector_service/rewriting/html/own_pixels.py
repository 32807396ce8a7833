"""Which pixels in the HTML are ours: from an earlier run, or quoted in a reply (rule 11)."""

import functools
import itertools
import re
from collections.abc import Callable
from typing import Final

from injector_service.rewriting.budget import Budget, TooComplexError
from injector_service.rewriting.html.attributes import attributes_of
from injector_service.rewriting.html.own_attributes import own_attributes
from injector_service.rewriting.html.scan import scan_html
from injector_service.rewriting.html.spans import Spans

_OWN_URL: Final = re.compile(rb"/o/([A-Za-z0-9_-]{1,2000}+)\.gif(?=[\"' \t\n\r\f>?#])")

# White space as HTML has it around a URL: no vertical tab.
_OWN_URL_END: Final = re.compile(rb"/o/([A-Za-z0-9_-]{1,2000}+)\.gif(?=[ \t\n\r\f]*+\Z|[?#])")

# Opening a sealed token costs microseconds; a long thread of replies quotes a
# few dozen pixels at most.
MAX_CANDIDATES: Final = 1_000
_CANDIDATE_STEPS: Final = 5


def find_own_pixels(
    html: bytes, is_own_token: Callable[[str], bool], budget: Budget
) -> tuple[tuple[int, int], ...]:
    """Return the spans of our own pixels in *html*: real ones, not text that looks so.

    Each is an image element, or an attribute of another element that loads it.
    """
    # Searched from the end: CPython does that twice as fast, and mostly there is none.
    if html.rfind(b".gif") < 0 or html.rfind(b"/o/") < 0:
        return ()
    is_own = functools.lru_cache(maxsize=MAX_CANDIDATES)(is_own_token)
    candidates = list(itertools.islice(_OWN_URL.finditer(html), MAX_CANDIDATES + 1))
    if len(candidates) > MAX_CANDIDATES:
        raise TooComplexError
    budget.spend(_CANDIDATE_STEPS * len(candidates))
    urls = [found.start() for found in candidates if is_own(found[1].decode("ascii"))]
    if not urls:
        return ()
    lowered = html.lower()
    scan = scan_html(lowered, budget)

    def is_own_url(url: bytes) -> bool:
        found = _OWN_URL_END.search(url)
        return found is not None and is_own(found[1].decode("ascii"))

    images = Spans()
    for start, end in scan.images:
        if _is_own_image(html, start, is_own_url, budget):
            images.append(start, end)
    others = [at for at in urls if not images.hold(at)]
    attributes = own_attributes(html, lowered, scan, others, is_own_url, budget)
    return tuple(sorted((*images, *attributes)))


def _is_own_image(
    html: bytes, start: int, is_own_url: Callable[[bytes], bool], budget: Budget
) -> bool:
    """Say whether the element at *start* shows a pixel of ours: only its source counts."""
    sources = (value for name, value in attributes_of(html, start, budget) if name == b"src")
    return is_own_url(next(sources, b""))
