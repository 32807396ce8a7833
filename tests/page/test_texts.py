"""Texts of messages and clients on a page."""

import pytest

from pixel_service.page.texts import plain, shown


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("Hello", "<bdi>Hello</bdi>"),
        ("<script>alert(1)</script>", "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>"),
        ("=?utf-8?q?caf=C3=A9?=", "<bdi>caf\N{LATIN SMALL LETTER E WITH ACUTE}</bdi>"),
        ("=?utf-8?q?=3Cscript=3E?=", "<bdi>&lt;script&gt;</bdi>"),
        ("a\r\nb\x00\x1b[31m", "<bdi>a\ufffdb\ufffd[31m</bdi>"),
        ("\ud800", "<bdi>\ufffd</bdi>"),
    ],
)
def test_text_is_decoded_and_nothing_but_text(text: str, markup: str) -> None:
    """Markup is shown, encoded or not, and controls are not there."""
    assert str(shown(text)) == markup


def test_text_that_changes_directions_does_so_in_an_element_of_its_own() -> None:
    """What is beside it stays where it is, and emoji that are joined stay whole."""
    family = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}"
    text = f"\N{RIGHT-TO-LEFT OVERRIDE}{family}"

    assert str(shown(text)) == f"<bdi>{text}</bdi>"


def test_long_text_is_cut_and_says_so() -> None:
    """Ten thousand characters are no line of a table."""
    assert plain("x" * 10_000) == "x" * 299 + "…"
    assert plain("x" * 300) == "x" * 300
