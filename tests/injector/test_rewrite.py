"""The promises of `rewrite_message`, from the outside."""

import base64
import quopri

import pytest

from injector_service.rewrite import Header, Outcome, Pixel, Placement, Rewriting, rewrite_message

PIXEL = Pixel(url="https://open.example.org/o/" + "Ab-_9" * 24 + ".gif")
HEADER = (
    b"From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
)


def rewrite(raw: bytes, **options: object) -> Rewriting:
    """Rewrite with the one pixel of these tests, whose token is the only own one."""
    arguments: dict[str, object] = {
        "make_pixel": lambda _header: PIXEL,
        "is_own_token": lambda token: token == "Ab-_9" * 24,
    }
    return rewrite_message(raw, **(arguments | options))  # type: ignore[arg-type]  # options by name


def html_message(html: bytes, *fields: bytes) -> bytes:
    """Return a message that is nothing but HTML."""
    return b"".join((HEADER, b"Content-Type: text/html\r\n", *fields, b"\r\n", html))


def test_pixel_stands_before_the_end_of_the_body() -> None:
    """In plain HTML nothing changes but the pixel before ``</body>``."""
    raw = html_message(b"<html><body><p>Hello</p></body></html>\r\n")

    rewriting = rewrite(raw)

    expected = raw.replace(b"</body>", PIXEL.markup() + b"</body>")
    assert rewriting.outcome is Outcome.TRACKED
    assert rewriting.pixel == PIXEL
    assert rewriting.message(raw) == expected


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
@pytest.mark.parametrize(
    "html",
    [
        b"<html><body>na=C3=AFve</body></html>\n",
        b"<html><body>soft</bo=\ndy></html>\n",
        b"<html><body>escaped=3C/body></html>\n",
        b"<html><body>lower=3c/b=6fdy></html>\n",
        b"<p>no end tag=\n",
        b"",
    ],
)
def test_quoted_printable_says_the_same_and_the_pixel(html: bytes, line_end: bytes) -> None:
    """Decoded, the text is the old one with the pixel, and no line is over 76 octets."""
    body = html.replace(b"\n", line_end)
    raw = html_message(body, b"Content-Transfer-Encoding: quoted-printable\r\n")

    out = rewrite(raw).message(raw)

    new_body = out.partition(b"\r\n\r\n")[2]
    decoded = quopri.decodestring(new_body)
    assert decoded.count(PIXEL.markup()) == 1
    assert decoded.replace(PIXEL.markup(), b"") == quopri.decodestring(body)
    assert max(map(len, new_body.replace(b"\r\n", b"\n").split(b"\n"))) <= 76
    if line_end == b"\n" in body:
        assert b"\r" not in new_body


@pytest.mark.parametrize("width", [60, 72, 76, 100])
def test_base64_keeps_its_line_width(width: int) -> None:
    """Decoded, the text is the old one with the pixel; lines stay as wide as they were."""
    html = b"<html><body>" + b"x y z " * 100 + b"</body></html>\r\n"
    encoded = base64.b64encode(html)
    body = b"".join(encoded[i : i + width] + b"\r\n" for i in range(0, len(encoded), width))
    raw = html_message(body, b"Content-Transfer-Encoding: base64\r\n")

    out = rewrite(raw).message(raw)

    new_body = out.partition(b"\r\n\r\n")[2]
    expected = html.replace(b"</body>", PIXEL.markup() + b"</body>")
    assert base64.b64decode(new_body) == expected
    assert {len(line) for line in new_body.split(b"\r\n")[:-2]} == {width}


def test_twice_is_once() -> None:
    """Rewriting a rewritten message changes nothing."""
    raw = html_message(b"<html><body>x</body></html>\r\n")
    once = rewrite(raw).message(raw)

    again = rewrite(once)

    assert again.outcome is Outcome.TRACKED
    assert again.message(once) == once


def test_several_recipients_are_not_tracked() -> None:
    """A pixel cannot say which of two recipients opened the message."""
    raw = html_message(b"<p>x</p>")

    rewriting = rewrite(raw, recipients=["a@example.net", "b@example.net"])

    assert rewriting.outcome is Outcome.SEVERAL_RECIPIENTS
    assert rewriting.message(raw) is raw


def test_start_placement_stands_behind_the_body_tag() -> None:
    """With START the pixel is the body's first element."""
    raw = html_message(b"<html><body class=x>y</body></html>")

    out = rewrite(raw, placement=Placement.START).message(raw)

    expected = raw.replace(b"<body class=x>", b"<body class=x>" + PIXEL.markup())
    assert out == expected


def test_fields_are_removed_from_untracked_messages_too() -> None:
    """A field meant for the injector does not go out, whatever the outcome."""
    raw = HEADER + b"X-Configuration-Id: a\r\n b\r\nX-Other: c\r\n\r\ntext\r\n"

    rewriting = rewrite(raw, remove_fields=["x-configuration-ID"])

    assert rewriting.outcome is Outcome.NO_HTML_PART
    assert rewriting.message(raw) == HEADER + b"X-Other: c\r\n\r\ntext\r\n"


def test_exceptions_of_the_caller_are_the_callers() -> None:
    """What `make_pixel` raises comes out as it is."""

    def fail(_header: Header) -> Pixel:
        raise LookupError("tags do not fit")

    with pytest.raises(LookupError, match="tags do not fit"):
        rewrite(html_message(b"<p>x</p>"), make_pixel=fail)
