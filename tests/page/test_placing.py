"""Where in a message's HTML a pixel is."""

import base64
import quopri

import pytest

from pixel_service.page.placing import place_of

URL = "https://pixel.example/o/abc~-_"
PIXEL = f'<img src="{URL}" width="1" height="1" alt="">'
HTML = f"<p>caf\N{LATIN SMALL LETTER E WITH ACUTE}</p>{PIXEL}</body>"


def message(body: bytes, *, encoding: str, charset: str = "utf-8") -> bytes:
    head = (
        "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: text/plain\r\n\r\n{URL}\r\n"
        f"--b\r\nContent-Type: text/html; charset={charset}\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n--b--\r\n"


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (HTML.encode(), "8bit"),
        (base64.encodebytes(HTML.encode()), "base64"),
        (quopri.encodestring(HTML.encode()), "quoted-printable"),
    ],
)
def test_pixel_is_found_however_its_part_is_encoded(body: bytes, encoding: str) -> None:
    """It is named by its part and by its place in the text that a mail client has."""
    place = place_of(message(body, encoding=encoding), URL)

    assert place is not None
    assert (place.part, place.parts) == (2, 2)
    assert place.transfer_encoding == encoding
    assert place.offset == HTML.index("<img")
    assert (place.before, place.pixel) == (HTML[: place.offset], PIXEL)
    assert place.after.startswith("</body>")
    assert not place.is_cut_before


def test_much_html_is_cut_around_the_pixel() -> None:
    """A page shows where it is, and not the whole message."""
    body = ("x" * 5_000 + PIXEL + "y" * 5_000).encode()
    place = place_of(message(body, encoding="7bit"), URL)

    assert place is not None
    assert (len(place.before), len(place.after)) == (400, 400)
    assert place.is_cut_before
    assert place.is_cut_after


@pytest.mark.parametrize("charset", ["utf-8", "x-unheard-of", "iso-8859-1", '"', "undefined"])
def test_charset_that_is_not_known_does_not_hide_the_pixel(charset: str) -> None:
    """A pixel is ASCII."""
    assert place_of(message(HTML.encode(), encoding="8bit", charset=charset), URL) is not None


@pytest.mark.parametrize("raw", [b"", b"\x00\xff", b"Subject: x\r\n\r\nno pixel"])
def test_message_without_the_pixel_has_no_place(raw: bytes) -> None:
    """Whatever it is."""
    assert place_of(raw, URL) is None


def test_message_full_of_images_is_looked_through_once() -> None:
    """A megabyte of what looks like the beginning of a pixel takes no time that anybody notices."""
    body = ('<img alt="' + "<img " * 200_000 + f'">{PIXEL}').encode()
    place = place_of(message(body, encoding="7bit"), URL)

    assert place is not None
    assert place.pixel == PIXEL
