"""Tokens of pages (AIP-158), of lists that are ordered by ID: where the next page starts.

Opaque to clients, so that they may change.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from service_runtime import base64url
from service_runtime.field_checks import ID_PATTERN, FieldChecks

Item = TypeVar("Item")


def page_token(last_id: str) -> str:
    """Return the token of the page after the one that ends with *last_id*."""
    return base64url.encode(last_id.encode())


def page_of(
    found: Sequence[Item], size: int, id_of: Callable[[Item], str]
) -> tuple[Sequence[Item], str]:
    """Return a page, the first *size* of *found*, and the token of the next; empty: none.

    *found* has one more than the page, unless the list ends before that.
    """
    page = found[:size]
    return page, page_token(id_of(page[-1])) if len(found) > size else ""


def read_page_token(token: str, checks: FieldChecks) -> str:
    """Return the ID after which the page starts, empty for the first page.

    What is not a token of ours is noted.
    """
    if not token:
        return ""
    octets = base64url.decode(token)
    # Latin-1 has a character for every octet; the pattern takes ASCII alone.
    last_id = "" if octets is None else octets.decode("latin-1")
    is_ours = ID_PATTERN.fullmatch(last_id) is not None
    checks.require(is_ours, "page_token", "must be the `next_page_token` of a page")
    return last_id if is_ours else ""
