"""Requests are signed as the published library verifies them."""

import time

import pytest
import standardwebhooks

from pixel_service.webhooks.signing import (
    new_secret,
    parse_secret,
    secret_text,
    signature_headers,
)


def test_published_library_verifies_with_each_secret() -> None:
    """During a rotation a receiver may have either secret."""
    secrets = [new_secret(), new_secret()]
    body = '{"ü":1}'.encode()

    headers = signature_headers("a:0", body, secrets=secrets, timestamp=int(time.time()))

    for secret in secrets:
        judge = standardwebhooks.Webhook(secret_text(secret))
        assert judge.verify(body, headers) == {"ü": 1}


def test_published_library_refuses_what_was_changed() -> None:
    """The judge can say no: to other octets, and to a secret that did not sign."""
    secret = new_secret()
    headers = signature_headers("a:0", b"{}", secrets=[secret], timestamp=int(time.time()))

    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(secret_text(secret)).verify(b"[]", headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(secret_text(new_secret())).verify(b"{}", headers)


def test_secret_is_read_as_it_was_written() -> None:
    """Text and octets of a secret stand for each other."""
    secret = new_secret()

    assert parse_secret(secret_text(secret)) == secret


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        secret_text(bytes(23)),
        secret_text(bytes(65)),
        secret_text(bytes(32)).removeprefix("whsec_"),
        secret_text(bytes(32)) + "\n",
        "whsec_" + "ü" * 40,
    ],
)
def test_secret_that_is_none_is_refused(text: str) -> None:
    """Only what the specification allows is a secret."""
    assert parse_secret(text) is None
