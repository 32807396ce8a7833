"""The pixel's URL and element."""

import pytest

from injector_service.rewriting.pixel import MAX_URL_CHARACTERS, PIXEL_PATH, Pixel


def test_markup_escapes_the_url() -> None:
    """What HTML would read as markup in a URL is written as entities."""
    pixel = Pixel(url='https://open.example.org/o/T.gif?a=1&b="<>')

    assert b'src="https://open.example.org/o/T.gif?a=1&amp;b=&quot;&lt;&gt;"' in pixel.markup()


def test_markup_is_small_visible_and_silent() -> None:
    """The element has a size, an empty alt, no border, no place in the flow, and is not hidden."""
    markup = Pixel(url="https://open.example.org/o/T.gif").markup()

    expected = (
        b'<img src="https://open.example.org/o/T.gif" width="1" height="1" alt="" border="0"'
        b' style="position:absolute">'
    )
    assert markup == expected
    assert b"display" not in markup


@pytest.mark.parametrize(
    "url",
    [
        "https://open.example.org/o/\u00e9.gif",
        "https://open.example.org/o/a b.gif",
        "https://open.example.org/o/a\r\n.gif",
        "/o/a.gif",
        "javascript:alert(1)",
        "https://open.example.org/" + "a" * MAX_URL_CHARACTERS,
    ],
)
def test_url_that_would_not_survive_is_refused(url: str) -> None:
    """Only short absolute ASCII URLs make a pixel."""
    with pytest.raises(ValueError, match="pixel URL"):
        Pixel(url=url)


@pytest.mark.parametrize("base", ["https://a.example", "http://b.example/deep/path"])
def test_token_is_found_under_any_base(base: str) -> None:
    """Whatever the base, the token comes out of the URL that it went into."""
    assert Pixel.token_of(base + PIXEL_PATH.replace("{token}", "Ab_-9")) == "Ab_-9"


@pytest.mark.parametrize(
    "url", ["https://a.example/o/.gif", "https://a.example/o/a.png", "https://a.example/x/a.gif"]
)
def test_other_urls_have_no_token(url: str) -> None:
    """A URL of another shape is not ours."""
    assert Pixel.token_of(url) is None
