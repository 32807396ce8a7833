"""Signatures of requests, as Standard Webhooks 1.0.0 has them."""

import base64
import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

from pixel_service.open_log import Webhook

# The specification's bounds.
MIN_SECRET_OCTETS: Final = 24
MAX_SECRET_OCTETS: Final = 64

_PREFIX: Final = "whsec_"
_NEW_SECRET_OCTETS: Final = 32


def new_secret() -> bytes:
    """Return a secret that nobody else has."""
    return secrets.token_bytes(_NEW_SECRET_OCTETS)


def secret_text(secret: bytes) -> str:
    """Return *secret* as receivers are given it."""
    return _PREFIX + base64.b64encode(secret).decode("ascii")


def parse_secret(text: str) -> bytes | None:
    """Return the octets of the secret *text*; None if it is none of a permitted length."""
    if not text.startswith(_PREFIX):
        return None
    try:
        secret = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except ValueError:  # also what is not ASCII
        return None
    return secret if MIN_SECRET_OCTETS <= len(secret) <= MAX_SECRET_OCTETS else None


def secrets_at(time: dt.datetime, webhook: Webhook) -> Sequence[bytes]:
    """Return the secrets of *webhook* that sign at *time*, the newest first."""
    found = (
        parse_secret(each.text)
        for each in webhook.secrets
        if each.expire_time is None or each.expire_time > time
    )
    return [secret for secret in found if secret is not None]


def signature_headers(
    event_id: str, body: bytes, *, secrets: Sequence[bytes], timestamp: int
) -> dict[str, str]:
    """Return the header fields that sign *body*, with each of *secrets*.

    Args:
        event_id: tells the receiver what it has seen already.
        body: what is sent.
        secrets: at least one; receivers accept a request that any of them has signed.
        timestamp: of this attempt, seconds since 1970 UTC.
    """
    signed = f"{event_id}.{timestamp}.".encode() + body
    signatures = (hmac.digest(secret, signed, hashlib.sha256) for secret in secrets)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            f"v1,{base64.b64encode(signature).decode('ascii')}" for signature in signatures
        ),
    }
