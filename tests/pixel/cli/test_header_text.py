"""Texts of messages, decoded and made fit for a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_service.cli.header_text import printable
from service_runtime.encoded_words import decode_words


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        pytest.param("plain", "plain", id="plain"),
        pytest.param("a =?utf-8?q?caf=C3=A9?= b", "a café b", id="between words"),
        pytest.param("=?utf-8?q?a?= =?iso-8859-1?q?=E9?=", "aé", id="white space between is none"),
        pytest.param("=?utf-8?b?4oI=?=\n =?utf-8?b?rA==?=", "€", id="cut in a character"),
        pytest.param("=?utf-8*de?q?gr=C3=BCn?=", "grün", id="with a language"),
        pytest.param("=?utf-8?q?a b?=", "a b", id="with a space"),
        pytest.param("=?x-unknown?q?a?=", "=?x-unknown?q?a?=", id="charset that nobody knows"),
        pytest.param("=?zlib?b?eJw=?=", "=?zlib?b?eJw=?=", id="codec that is no charset"),
        pytest.param("=?utf-8?b?a?=", "=?utf-8?b?a?=", id="broken base64"),
        pytest.param("=?utf-8?q?=FF?=", "\N{REPLACEMENT CHARACTER}", id="broken charset"),
        pytest.param("café =?utf-8?q?=C3=A9?=", "café é", id="beside what is not encoded"),
    ],
)
def test_encoded_words_are_decoded(found: str, shown: str) -> None:
    """As RFC 2047 has it; what cannot be decoded stays as it is."""
    assert decode_words(found) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "�[31mred�[0m"),
        ("\x9b31m", "�31m"),
        ("a\r\nb\tc\0", "a��b�c�"),
        ("\u202egpj.exe", "gpj.exe"),
        ("a\u00a0b", "a b"),
        ("日本語 é 🌱", "日本語 é 🌱"),
    ],
)
def test_nothing_reaches_a_terminal_that_it_would_obey(text: str, shown: str) -> None:
    """Escape sequences, line ends and changes of direction; letters of all scripts stay."""
    assert printable(text) == shown


@given(st.text())
def test_what_is_shown_is_printable(text: str) -> None:
    """Whatever a header field says, decoded or not."""
    assert printable(decode_words(text)).isprintable()
