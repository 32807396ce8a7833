"""Where the first HTML part is, in messages as they are and not as they should be."""

import pytest

from injector_service.rewriting.budget import Budget
from injector_service.rewriting.mime.header import message_start, read_header
from injector_service.rewriting.mime.html_part import (
    MAX_PARTS,
    HtmlPart,
    find_html_part,
    line_end_of,
)
from injector_service.rewriting.mime.multiparts import MAX_DEPTH
from injector_service.rewriting.outcome import Outcome


def found(raw: bytes) -> HtmlPart | Outcome:
    """Look for the HTML part of a whole message."""
    header = read_header(raw, message_start(raw), len(raw))
    assert header is not None
    return find_html_part(raw, header, Budget(len(raw)))


def html_of(raw: bytes) -> bytes | Outcome:
    """Return the body of the HTML part, or why there is none."""
    part = found(raw)
    return part if isinstance(part, Outcome) else raw[part.start : part.end]


def both_line_ends(raw: bytes) -> tuple[bytes, bytes]:
    """Return a message with LF and with CRLF."""
    return raw, raw.replace(b"\n", b"\r\n")


HTML = ("Content-Type: text/html", "", "<p>x</p>")


def lines(*text: str) -> bytes:
    """Return lines as octets, each with LF but the last one."""
    return "\n".join(text).encode()


OTHER = ("Content-Type: text/html", "", "<no>")

FOUND = {
    "root": lines(
        *HTML,
    ),
    "alternative": lines(
        "Content-Type: multipart/alternative; boundary=b",
        "",
        "--b",
        "",
        "plain",
        "--b",
        *HTML,
        "--b--",
    ),
    "quoted boundary": lines(
        'Content-Type: multipart/mixed; boundary="b b"',
        "",
        "--b b",
        *HTML,
        "--b b--",
    ),
    "preamble that quotes a part": lines(
        "Content-Type: multipart/mixed; boundary=b",
        "",
        "Content-Type: text/html",
        "",
        "<no>",
        "--b",
        *HTML,
        "--b--",
    ),
    "epilogue": lines(
        "Content-Type: multipart/mixed; boundary=b",
        "",
        "--b",
        *HTML,
        "--b--",
        "epilogue",
        "--b",
    ),
    "boundary with a longer twin": lines(
        "Content-Type: multipart/mixed; boundary=b",
        "",
        "--bb",
        "",
        "--b",
        *HTML,
        "--b--",
    ),
    "inner boundary is the outer's prefix": lines(
        "Content-Type: multipart/mixed; boundary=bb",
        "",
        "--bb",
        "Content-Type: multipart/alternative; boundary=b",
        "",
        "--b",
        "",
        "text",
        "--b",
        *HTML,
        "--b--",
        "--bb--",
    ),
    "equal nested boundaries": lines(
        "Content-Type: multipart/mixed; boundary=b",
        "",
        "--b",
        "Content-Type: multipart/alternative; boundary=b",
        "",
        "--b",
        *HTML,
        "--b--",
    ),
    "inner part not closed": lines(
        "Content-Type: multipart/mixed; boundary=o",
        "",
        "--o",
        "Content-Type: multipart/alternative; boundary=i",
        "",
        "--i",
        *HTML,
        "--o",
        "",
        "other",
        "--o--",
    ),
    "padding after a boundary": lines(
        "Content-Type: multipart/mixed; boundary=b",
        "",
        "--b  \t",
        *HTML,
        "--b-- ",
    ),
    "folded type": lines(
        "Content-Type: multipart/mixed;",
        "\tboundary=b",
        "",
        "--b",
        "Content-Type:",
        " text/html",
        "",
        "<p>x</p>",
        "--b--",
    ),
    "comment in type": lines(
        "Content-Type: text/html (a; comment=1); charset=utf-8",
        "",
        "<p>x</p>",
    ),
    "comment before type": lines(
        "Content-Type: (a) text/html",
        "",
        "<p>x</p>",
    ),
    "no semicolon": lines(
        "Content-Type: text/html charset=utf-8",
        "",
        "<p>x</p>",
    ),
    "upper case": lines(
        "CONTENT-TYPE: TEXT/HTML",
        "",
        "<p>x</p>",
    ),
    "blank before the colon": lines(
        "Content-Type : text/html",
        "",
        "<p>x</p>",
    ),
    "duplicate type": lines(
        "Content-Type: text/html",
        "Content-Type: text/plain",
        "",
        "<p>x</p>",
    ),
    "RFC 2231 boundary in pieces": lines(
        "Content-Type: multipart/mixed; boundary*0=a; boundary*1=b",
        "",
        "--ab",
        *HTML,
        "--ab--",
    ),
    "RFC 2231 boundary encoded": lines(
        "Content-Type: multipart/mixed; boundary*=us-ascii''a%3Db",
        "",
        "--a=b",
        *HTML,
        "--a=b--",
    ),
    "boundary quote not closed": lines(
        'Content-Type: multipart/mixed; boundary="b',
        "",
        "--b",
        *HTML,
        "--b--",
    ),
    "boundary in another parameter": lines(
        'Content-Type: multipart/mixed; x="; boundary=no"; boundary=b',
        "",
        "--b",
        *HTML,
        "--b--",
    ),
    "attachment first": lines(
        "Content-Type: multipart/mixed; boundary=b",
        "",
        "--b",
        "Content-Type: text/html",
        "Content-Disposition: attachment; filename=a.html",
        "",
        "<no>",
        "--b",
        *HTML,
        "--b--",
    ),
    "message first": lines(
        "Content-Type: multipart/mixed; boundary=b",
        "",
        "--b",
        "Content-Type: message/rfc822",
        "",
        "Content-Type: text/html",
        "",
        "<no>",
        "--b",
        *HTML,
        "--b--",
    ),
    "amp first": lines(
        "Content-Type: multipart/alternative; boundary=b",
        "",
        "--b",
        "Content-Type: text/x-amp-html",
        "",
        "<no>",
        "--b",
        *HTML,
        "--b--",
    ),
    "footer after a signed part": lines(
        "Content-Type: multipart/mixed; boundary=b",
        "",
        "--b",
        "Content-Type: multipart/signed; boundary=s",
        "",
        "--s",
        "Content-Type: text/html",
        "",
        "<no>",
        "--s--",
        "--b",
        *HTML,
        "--b--",
    ),
    "multipart said to be base64": lines(
        "Content-Type: multipart/mixed; boundary=b",
        "Content-Transfer-Encoding: base64",
        "",
        "--b",
        *HTML,
        "--b--",
    ),
    "no blank line before a delimiter": lines(
        "Content-Type: multipart/mixed; boundary=b",
        "--b",
        *HTML,
        "--b--",
    ),
    "header line that begins with hyphens": lines(
        "Content-Type: multipart/mixed; boundary=b",
        "--x-y: z",
        "",
        "--b",
        "--_----=_:",
        " folded",
        *HTML,
        "--b--",
    ),
    "no blank line before delimiters with a colon": lines(
        'Content-Type: multipart/mixed; boundary="b:"',
        "--b:",
        'Content-Type: multipart/mixed; boundary="c:d"',
        "--c:d",
        "Content-Type: text/plain",
        "--c:d--",
        "--b:",
        *HTML,
        "--b:--",
    ),
    "last of two alternatives": lines(
        "Content-Type: multipart/alternative; boundary=b",
        "",
        "--b",
        *OTHER,
        "--b",
        "Content-Type: text/plain",
        "",
        "x",
        "--b",
        *HTML,
        "--b",
        "Content-Type: text/calendar",
        "",
        "x",
        "--b--",
    ),
    "last alternative with its images": lines(
        "Content-Type: multipart/mixed; boundary=a",
        "",
        "--a",
        "Content-Type: multipart/alternative; boundary=b",
        "",
        "--b",
        *OTHER,
        "--b",
        "Content-Type: multipart/related; boundary=r",
        "",
        "--r",
        *HTML,
        "--r",
        *OTHER,
        "--r--",
        "--b--",
        "--a",
        *OTHER,
        "--a--",
    ),
    "last alternative is attached": lines(
        "Content-Type: multipart/alternative; boundary=b",
        "",
        "--b",
        *HTML,
        "--b",
        "Content-Disposition: attachment",
        *OTHER,
        "--b--",
    ),
    "alternatives in an alternative": lines(
        "Content-Type: multipart/alternative; boundary=a",
        "",
        "--a",
        *OTHER,
        "--a",
        "Content-Type: multipart/alternative; boundary=b",
        "",
        "--b",
        *OTHER,
        "--b",
        *HTML,
        "--b--",
        "--a--",
    ),
    "first part of the last alternative": lines(
        "Content-Type: multipart/alternative; boundary=a",
        "",
        "--a",
        *OTHER,
        "--a",
        "Content-Type: multipart/mixed; boundary=b",
        "",
        "--b",
        *HTML,
        "--b",
        "Content-Type: multipart/alternative; boundary=c",
        "",
        "--c",
        *OTHER,
        "--c--",
        "--b--",
        "--a--",
    ),
    "alternatives without an end": lines(
        "Content-Type: multipart/mixed; boundary=a",
        "",
        "--a",
        "Content-Type: multipart/alternative; boundary=b",
        "",
        "--b",
        *OTHER,
        "--b",
        *HTML,
        "--a",
        *OTHER,
    ),
    "related to a root that is named": lines(
        'Content-Type: multipart/related; boundary=b; start="<root@x>"',
        "",
        "--b",
        *OTHER,
        "--b",
        "Content-ID: <root@x>",
        *HTML,
        "--b",
        "Content-ID: <root@x>",
        *OTHER,
        "--b--",
    ),
    "related to a root that is first": lines(
        "Content-Type: multipart/related; boundary=b; start=root@x",
        "",
        "--b",
        "Content-ID:",
        "  <root@x>",
        *HTML,
        "--b",
        *OTHER,
        "--b--",
    ),
    "related to a root that is missing": lines(
        'Content-Type: multipart/related; boundary=b; start="<root@x>"',
        "",
        "--b",
        *HTML,
        "--b",
        "Content-ID: <other@x>",
        *OTHER,
        "--b--",
    ),
    "related to alternatives": lines(
        "Content-Type: multipart/mixed; boundary=a",
        "",
        "--a",
        'Content-Type: multipart/related; boundary=b; start="<root@x>"',
        "",
        "--b",
        *OTHER,
        "--b",
        "Content-ID: <root@x>",
        "Content-Type: multipart/alternative; boundary=c",
        "",
        "--c",
        *OTHER,
        "--c",
        *HTML,
        "--c--",
        "--b",
        *OTHER,
        "--b--",
        "--a",
        *OTHER,
        "--a--",
    ),
    "related without its root in an alternative": lines(
        "Content-Type: multipart/alternative; boundary=a",
        "",
        "--a",
        "Content-Type: multipart/mixed; boundary=m",
        "",
        "--m",
        'Content-Type: multipart/related; boundary=b; start="<root@x>"',
        "",
        "--b",
        *HTML,
        "--b--",
        "--m",
        *OTHER,
        "--m",
        "Content-Type: multipart/mixed; boundary=n",
        "",
        "--n",
        *OTHER,
        "--n--",
        "--m--",
        "--a--",
    ),
    "no blank line after a part's header": lines(
        "Content-Type: multipart/mixed; boundary=b",
        "",
        "--b",
        "Content-Type: text/html",
        "<p>x</p>",
        "--b--",
    ),
    "mbox line": lines(
        "From a@b Mon Jan  1",
        *HTML,
    ),
    "inline disposition": lines(
        "Content-Type: text/html",
        "Content-Disposition: inline",
        "",
        "<p>x</p>",
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_html_part_is_found(name: str) -> None:
    """The first HTML part that clients show is found, exactly, in LF and CRLF."""
    for raw in both_line_ends(FOUND[name]):
        assert html_of(raw) == b"<p>x</p>"


REFUSED = {
    "text only": (
        lines(
            "Content-Type: text/plain",
            "",
            "<p>x</p>",
        ),
        Outcome.NO_HTML_PART,
    ),
    "no type": (
        lines(
            "Subject: x",
            "",
            "<p>x</p>",
        ),
        Outcome.NO_HTML_PART,
    ),
    "broken type": (
        lines(
            "Content-Type: html",
            "",
            "<p>x</p>",
        ),
        Outcome.NO_HTML_PART,
    ),
    "attachment only": (
        lines(
            "Content-Type: text/html",
            "Content-Disposition: ATTACHMENT",
            "",
            "<p>x</p>",
        ),
        Outcome.NO_HTML_PART,
    ),
    "no boundary": (
        lines(
            "Content-Type: multipart/mixed",
            "",
            "--b",
            *HTML,
        ),
        Outcome.NO_HTML_PART,
    ),
    "boundary that never comes": (
        lines(
            "Content-Type: multipart/mixed; boundary=c",
            "",
            "--b",
            *HTML,
        ),
        Outcome.NO_HTML_PART,
    ),
    "HTML in the epilogue": (
        lines(
            "Content-Type: multipart/mixed; boundary=b",
            "",
            "--b",
            "",
            "x",
            "--b--",
            "--b",
            *HTML,
        ),
        Outcome.NO_HTML_PART,
    ),
    "delivery report": (
        lines(
            "Content-Type: multipart/report; boundary=b",
            "",
            "--b",
            *HTML,
            "--b--",
        ),
        Outcome.NO_HTML_PART,
    ),
    "forwarded message": (
        lines(
            "Content-Type: message/rfc822",
            "",
            *HTML,
        ),
        Outcome.NO_HTML_PART,
    ),
    "digest": (
        lines(
            "Content-Type: multipart/digest; boundary=b",
            "",
            "--b",
            "",
            *HTML,
            "--b--",
        ),
        Outcome.NO_HTML_PART,
    ),
    "signed": (
        lines(
            "Content-Type: multipart/signed; boundary=b",
            "",
            "--b",
            *HTML,
            "--b--",
        ),
        Outcome.SIGNED,
    ),
    "encrypted": (
        lines(
            "Content-Type: multipart/encrypted; boundary=b",
            "",
            "--b",
            *HTML,
            "--b--",
        ),
        Outcome.ENCRYPTED,
    ),
    "opaque signed": (
        lines(
            "Content-Type: application/pkcs7-mime; smime-type=signed-data",
            "",
            "xx",
        ),
        Outcome.SIGNED,
    ),
    "enveloped": (
        lines(
            "Content-Type: application/x-pkcs7-mime; smime-type=enveloped-data",
            "",
            "xx",
        ),
        Outcome.ENCRYPTED,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_must_not_be_touched_is_refused(name: str) -> None:
    """Where no HTML may be changed, the reason says why."""
    raw, outcome = REFUSED[name]
    for message in both_line_ends(raw):
        assert html_of(message) is outcome


def test_nested_too_deep_is_too_complex() -> None:
    """More levels than the limit are not followed, as many are."""

    def nested(levels: int) -> bytes:
        raw = b"Content-Type: multipart/mixed; boundary=b0\n\n"
        for level in range(1, levels):
            raw += b"--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n" % (level - 1, level)
        return raw + b"--b%d\n" % (levels - 1) + lines(*HTML)

    assert html_of(nested(MAX_DEPTH)) == b"<p>x</p>"
    assert html_of(nested(MAX_DEPTH + 1)) is Outcome.TOO_COMPLEX


def test_too_many_parts_are_too_complex() -> None:
    """HTML after more parts than the limit is not reached."""
    raw = (
        b"Content-Type: multipart/mixed; boundary=b\n\n"
        + b"--b\n\nx\n" * MAX_PARTS
        + b"--b\n"
        + lines(*HTML)
    )

    assert html_of(raw) is Outcome.TOO_COMPLEX


def test_part_knows_its_encoding_and_charset() -> None:
    """Encoding and charset come without case, comments and quotes."""
    raw = lines(
        'Content-Type: text/html; Charset="UTF-8"',
        "Content-Transfer-Encoding: Quoted-Printable (x);",
        "",
        "x",
    )

    part = found(raw)

    assert isinstance(part, HtmlPart)
    assert part.transfer_encoding == b"quoted-printable"
    assert part.charset == b"utf-8"


def test_boundary_longer_than_the_search_window_is_found() -> None:
    """The search gets on, however long the delimiter is and however many hyphens there are."""
    boundary = "-" * 40_000 + "b"
    raw = lines(
        f"Content-Type: multipart/mixed; boundary={boundary}",
        "",
        "-" * 90_000,
        f"--{boundary}",
        *HTML,
        f"--{boundary}--",
    )

    assert html_of(raw) == b"<p>x</p>"


@pytest.mark.parametrize(
    ("raw", "start", "expected"),
    [
        (b"a\r\nb\n", 0, b"\r\n"),
        (b"a\nb\r\n", 0, b"\n"),
        (b"h\r\n\r\nbody", 5, b"\r\n"),
        (b"\nx", 1, b"\n"),
    ],
)
def test_line_end_is_the_parts_own(raw: bytes, start: int, expected: bytes) -> None:
    """The first line end in the part counts, without one the last before it."""
    assert line_end_of(raw, start, len(raw)) == expected
