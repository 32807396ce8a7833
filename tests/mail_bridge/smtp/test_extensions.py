"""What a server announces is understood."""

import pytest

from mail_bridge.smtp import Extensions, Reply


def test_keywords_are_known_whatever_their_case() -> None:
    """Keywords are compared in capitals, parameters stay as they are; the greeting is neither."""
    extensions = Extensions.of(
        Reply(250, (b"PIPELINING.example", b"Size 1000", b"auth PLAIN Login", b"8BITMIME"))
    )

    assert set(extensions.keywords) == {b"SIZE", b"AUTH", b"8BITMIME"}
    assert extensions.parameters(b"AUTH") == (b"PLAIN", b"Login")
    assert b"8BITMIME" in extensions
    assert b"PIPELINING" not in extensions
    assert extensions.parameters(b"PIPELINING") == ()


@pytest.mark.parametrize(
    ("said", "octets"),
    [(b"SIZE 1000", 1000), (b"SIZE", None), (b"SIZE 0", None), (b"SIZE many", None)],
)
def test_size_is_a_number_or_not_said(said: bytes, octets: int | None) -> None:
    """No number and 0 mean that the server names no limit (RFC 1870 section 4)."""
    assert Extensions.of(Reply(250, (b"me", said))).max_message_octets == octets


def test_keyword_of_old_clients_is_left_out() -> None:
    """`AUTH=LOGIN` is no extension of its own."""
    assert Extensions.of(Reply(250, (b"me", b"AUTH=LOGIN", b""))) == Extensions()
