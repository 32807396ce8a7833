"""The promises of `rewrite_message`, from the outside."""

import base64
import quopri

import pytest

from injector_service.rewriting.mime import Header
from injector_service.rewriting.outcome import Outcome, Placement, RewriteWarning
from injector_service.rewriting.pixel import MadePixel, Pixel
from injector_service.rewriting.reading import LARGE_HTML_OCTETS
from injector_service.rewriting.rewrite import rewrite_message
from injector_service.rewriting.rewritten import Instructions, Rewritten

PIXEL = Pixel(url="https://open.example.org/o/" + "Ab-_9" * 24 + ".gif")
HEADER = (
    b"From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
)


def rewrite(raw: bytes, **options: object) -> Rewritten:
    """Rewrite with the one pixel of these tests, whose token is the only own one."""
    arguments: dict[str, object] = {
        "make_pixel": lambda _header, _most: MadePixel(PIXEL),
        "is_own_token": lambda token: token == "Ab-_9" * 24,
    }
    instructions = Instructions(**(arguments | options))  # type: ignore[arg-type]  # options by name
    return rewrite_message(raw, instructions)


def html_message(html: bytes, *fields: bytes) -> bytes:
    """Return a message that is nothing but HTML."""
    return b"".join((HEADER, b"Content-Type: text/html\r\n", *fields, b"\r\n", html))


def test_pixel_stands_before_the_end_of_the_body() -> None:
    """In plain HTML nothing changes but the pixel before ``</body>``."""
    raw = html_message(b"<html><body><p>Hello</p></body></html>\r\n")

    rewritten = rewrite(raw)

    expected = raw.replace(b"</body>", PIXEL.markup() + b"</body>")
    assert rewritten.outcome is Outcome.TRACKED
    assert rewritten.pixel == PIXEL
    assert rewritten.message(raw) == expected


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

    rewritten = rewrite(raw, recipients=["a@example.net", "b@example.net"])

    assert rewritten.outcome is Outcome.SEVERAL_RECIPIENTS
    assert rewritten.message(raw) is raw


def test_start_placement_is_after_the_body_tag() -> None:
    """With START the pixel is the body's first element."""
    raw = html_message(b"<html><body class=x>y</body></html>")

    out = rewrite(raw, placement=Placement.START).message(raw)

    expected = raw.replace(b"<body class=x>", b"<body class=x>" + PIXEL.markup())
    assert out == expected


def test_fields_are_removed_from_untracked_messages_too() -> None:
    """A field meant for the injector does not go out, whatever the outcome."""
    raw = HEADER + b"X-Configuration-Id: a\r\n b\r\nX-Other: c\r\n\r\ntext\r\n"

    rewritten = rewrite(raw, fields_to_remove=["x-configuration-ID"])

    assert rewritten.outcome is Outcome.NO_HTML_PART
    assert rewritten.message(raw) == HEADER + b"X-Other: c\r\n\r\ntext\r\n"


def test_exceptions_of_the_caller_are_the_callers() -> None:
    """What `make_pixel` raises comes out as it is."""

    def fail(_header: Header, _most: int) -> Pixel:
        raise LookupError("tags do not fit")

    with pytest.raises(LookupError, match="tags do not fit"):
        rewrite(html_message(b"<p>x</p>"), make_pixel=fail)


def test_splice_is_the_whole_difference() -> None:
    """Applying the splice to the input gives the message, and it deletes nothing without need."""
    raw = html_message(b"<html><body>x</body></html>\r\n")

    rewritten = rewrite(raw)

    assert rewritten.splice is not None
    assert rewritten.splice.delete_count == 0
    assert rewritten.splice.insert == PIXEL.markup()
    assert rewritten.splice.apply(raw) == rewritten.message(raw)


def test_field_and_pixel_are_one_splice() -> None:
    """A field that goes and a pixel that comes are merged; what is between stays."""
    raw = b"X-Configuration-Id: a\r\n" + html_message(b"<p>x</p>\r\n")

    rewritten = rewrite(raw, fields_to_remove=["X-Configuration-Id"])

    expected = html_message(b"<p>x</p>" + PIXEL.markup() + b"\r\n")
    assert rewritten.message(raw) == expected


@pytest.mark.parametrize("placement", list(Placement))
@pytest.mark.parametrize(
    "html",
    [
        b"",
        b"x",
        b"<p>x</p>\n",
        b"<body>a{{openTracker}}b{{openTracker}}</body>",
        b"<body>x<style>",
        b"y" * 990,
        b"y" * 998,
        b"y" * 990 + b"\n",
        b"<body>" + b"y" * 900 + b"</body></html>" + b"z" * 900,
        b"<p>x</p></body>" + b"z" * 980,
        b"y" * 700 + b"</body>" + b"z" * 700,
    ],
)
@pytest.mark.parametrize("encoding", [b"8bit", b"quoted-printable", b"base64"])
def test_twice_is_once_wherever_the_pixel_stands(
    html: bytes, placement: Placement, encoding: bytes
) -> None:
    """Rewriting again changes nothing, and with a new pixel the old one is replaced exactly."""
    encoders = {b"quoted-printable": quopri.encodestring, b"base64": base64.encodebytes}
    body = encoders[encoding](html) if encoding in encoders else html
    raw = html_message(body, b"Content-Transfer-Encoding: " + encoding + b"\r\n")
    other = Pixel(url="https://other.example/o/" + "Ab-_9" * 24 + ".gif")

    once = rewrite(raw, placement=placement).message(raw)
    again = rewrite(once, placement=placement)
    replaced = rewrite(
        once, placement=placement, make_pixel=lambda _header, _most: MadePixel(other)
    )

    assert again.outcome is Outcome.TRACKED
    assert again.message(once) == once
    if b"openTracker" not in html and encoding == b"8bit":
        direct = rewrite(
            raw, placement=placement, make_pixel=lambda _header, _most: MadePixel(other)
        )
        assert replaced.message(once) == direct.message(raw)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("placement", list(Placement))
def test_old_pixel_anywhere_around_placeholders_leaves_no_trace(
    placement: Placement, count: int
) -> None:
    """Before, between and inside placeholders: the message is as if it had never been in."""
    opening, inside, closing = b"<p>", b"a{{openTracker}}{{ses:openTracker}}b", b"</p>\r\n"
    raw = html_message(opening + inside + closing)
    expected = rewrite(raw, placement=placement).message(raw)
    old = (b'<img src="' + PIXEL.url.encode() + b'">') * count

    for at in range(len(inside) + 1):
        used = html_message(opening + inside[:at] + old + inside[at:] + closing)
        assert rewrite(used, placement=placement).message(used) == expected, at


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
@pytest.mark.parametrize(
    ("before", "after"), [(900, 50), (50, 980), (900, 900), (998, 0), (0, 990)]
)
def test_lines_over_998_octets_are_broken_only_then(
    before: int, after: int, line_end: bytes
) -> None:
    """No line becomes longer than 998 octets, and the break is in the part's own line end."""
    html = b"<p>" + line_end + b"y" * before + b"</body>" + b"z" * after + line_end
    raw = html_message(html)

    out = rewrite(raw).message(raw)

    longest = max(len(line.rstrip(b"\r")) for line in out.split(b"\n"))
    assert longest <= max(998, before, after + 7)
    text = out.partition(b"\r\n\r\n")[2]
    assert text.replace(line_end, b"").replace(PIXEL.markup(), b"") == html.replace(line_end, b"")


def test_pixel_quoted_in_a_reply_is_removed() -> None:
    """A reply does not report to the sender of what it quotes."""
    old = b'<IMG height=1 SRC="https://old.example/o/' + b"Ab-_9" * 24 + b'.gif">'
    foreign = b'<img src="https://old.example/o/foreign.gif">'
    html = b"<body>Yes.<blockquote>Hello" + old + foreign + b"</blockquote></body>\r\n"
    raw = html_message(html)

    out = rewrite(raw).message(raw)

    expected = html.replace(old, b"").replace(b"</body>", PIXEL.markup() + b"</body>")
    assert out == html_message(expected)


@pytest.mark.parametrize(
    ("armour", "outcome"),
    [
        (b"-----BEGIN PGP MESSAGE-----", Outcome.ENCRYPTED),
        (b"-----BEGIN PGP SIGNED MESSAGE-----", Outcome.SIGNED),
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----", Outcome.TRACKED),
    ],
)
def test_inline_pgp_is_left_alone(armour: bytes, outcome: Outcome) -> None:
    """Text that is signed or encrypted inside the HTML is not touched; a key is no such text."""
    raw = html_message(b"<pre>" + armour + b"</pre>")

    assert rewrite(raw).outcome is outcome


def test_sender_is_warned() -> None:
    """A signature that breaks and HTML that Gmail cuts are worth a warning, not a refusal."""
    raw = b"DKIM-Signature: v=1\r\n" + html_message(b"<p>" + b"x " * (LARGE_HTML_OCTETS // 2))

    rewritten = rewrite(raw)

    assert rewritten.outcome is Outcome.TRACKED
    expected = {RewriteWarning.LARGE_HTML, RewriteWarning.ALREADY_DKIM_SIGNED}
    assert set(rewritten.warnings) == expected


@pytest.mark.parametrize(
    ("raw", "outcome"),
    [
        (b"", Outcome.MALFORMED),
        (b"\r\n\r\n", Outcome.MALFORMED),
        (b"no header at all", Outcome.MALFORMED),
        (b"To: a@b\rContent-Type: text/html\r\r<p>x", Outcome.MALFORMED),
        (b"X: y\r\n" * 100_000, Outcome.TOO_COMPLEX),
        (HEADER + b"Content-Type: text/html; charset=cp037\r\n\r\nx", Outcome.UNSUPPORTED_ENCODING),
        (
            HEADER + b"Content-Type: text/html\r\nContent-Transfer-Encoding: x-uue\r\n\r\nx",
            Outcome.UNSUPPORTED_ENCODING,
        ),
    ],
)
def test_what_cannot_be_done_exactly_is_not_done(raw: bytes, outcome: Outcome) -> None:
    """The input itself comes back, with the reason."""
    rewritten = rewrite(raw)

    assert rewritten.outcome is outcome
    assert rewritten.message(raw) is raw
    assert rewritten.pixel is None


def test_pixel_is_made_only_for_a_place() -> None:
    """Where nothing is tracked no token is minted."""

    def fail(_header: Header, _most: int) -> Pixel:
        raise AssertionError

    assert rewrite(HEADER + b"\r\ntext", make_pixel=fail).outcome is Outcome.NO_HTML_PART


def test_wide_text_is_tracked_in_its_own_charset() -> None:
    """UTF-16 in base64 gets a pixel in UTF-16."""
    html = "<html><body>\u4e00</body></html>"
    raw = (
        HEADER
        + b"Content-Type: text/html; charset=utf-16\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(html.encode("utf-16"))
    )

    rewritten = rewrite(raw)

    out = rewritten.message(raw)
    expected = html.replace("</body>", PIXEL.markup().decode() + "</body>")
    assert base64.b64decode(out.partition(b"\r\n\r\n")[2]).decode("utf-16") == expected
    assert rewrite(out).message(out) == out


@pytest.mark.parametrize("blank", [b"", b"\r\n"])
def test_empty_part_gets_what_it_lacks(blank: bytes) -> None:
    """A part that stops at its header becomes one with a body, and its delimiter stays one."""
    multipart = HEADER + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    raw = multipart + b"--b\r\nContent-Type: text/html\r\n" + blank + b"--b--\r\n"

    out = rewrite(raw).message(raw)

    part = b"--b\r\nContent-Type: text/html\r\n\r\n" + PIXEL.markup() + b"\r\n--b--\r\n"
    assert out == multipart + part
    assert rewrite(out).message(out) == out


def test_defect_of_ours_does_not_stop_mail() -> None:
    """Whatever fails inside, the input comes back, and the error's name for the log."""
    rewritten = rewrite(html_message(b"<p>x</p>"), fields_to_remove=["\u00e9"])

    assert rewritten.outcome is Outcome.MALFORMED
    assert isinstance(rewritten.failure, UnicodeEncodeError)
    assert rewritten.splice is None
