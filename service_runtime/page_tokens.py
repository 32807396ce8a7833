"""Tokens of pages (AIP-158), of lists that are ordered by ID: where the next page starts.

Opaque to clients, so that they may change.
"""

from service_runtime import base64url
from service_runtime.field_checks import ID_PATTERN, FieldChecks


def page_token(last_id: str) -> str:
    """Return the token of the page after the one that ends with *last_id*."""
    return base64url.encode(last_id.encode())


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
