"""Strategies that make messages, together with what is known about each."""

import base64
import dataclasses
import itertools
import quopri
from typing import Final

from hypothesis import strategies as st

_ADDRESSES: Final = b"From: Ada <ada@example.com>\nTo: Ben <ben@example.org>\nSubject: Hello\n"

# Charsets by what is special about them: nothing, one octet, two octets, a mark, escape states.
CHARSETS: Final = ("utf-8", "iso-8859-1", "koi8-r", "shift_jis", "utf-16", "utf-32", "iso-2022-jp")

_WORDS: Final = (
    "Hello, ",
    "\n",
    "\n\n",
    "\r\n",
    " ",
    "&amp; ",
    "1 < 2 ",
    "x='y\" ",
    "= ",
    "w" * 900,
)
_TAGS: Final = (
    [
        "<html>",
        "</html>",
        "<head>",
        "</head>",
        "<body>",
        "<body class='a>b'>",
        "</body>",
        "</BODY >",
    ],
    [
        "<p>",
        "</p>",
        "<br/>",
        '<a href="https://www.example.com/?a=1&b=2">',
        "</a>",
        "<!doctype html>",
    ],
    ["<style>", "</style>", "<title>", "</title>", "<script>", "</script>", "<!-- </body> -->"],
    ["<table><tr><td>", "</table>", "<![if x]>", '<div style="display:none">', "</div>"],
)
_BROKEN: Final = (
    ["<!--", "-->", "<textarea>", "<template>", "<select>", "<object>", "<noscript>", "<svg>"],
    ["<a title='", "'>", '"', "<", "</", "</body", "<img src=x", "<div hidden>", "<!x"],
)
_PIECES: Final = (*_WORDS, *itertools.chain(*_TAGS, *_BROKEN))
_PLACEHOLDERS: Final = ("{{openTracker}}", "{{ses:openTracker}}", "<p title='{{openTracker}}'>")
_LETTERS: Final = {
    "utf-8": "é価\U0001f600",
    "iso-8859-1": "éß",
    "koi8-r": "привет",
    "shift_jis": "価格ソ",
    "utf-16": "é価\U0001f600\u3c2f",
    "utf-32": "é価\U0001f600",
    "iso-2022-jp": "価格",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HtmlMessage:
    """A message with one HTML part, whose body is ``raw[start:end]``."""

    raw: bytes
    start: int
    end: int
    encoding: str
    charset: str

    def text(self, body: bytes) -> str:
        """Return *body*, encoded as the part is, as text; decoded by the standard library."""
        if self.encoding == "quoted-printable":
            body = quopri.decodestring(body)
        elif self.encoding == "base64":
            body = base64.b64decode(body)
        return body.decode(self.charset)


def htmls(charset: str, *, placeholders: bool) -> st.SearchStrategy[str]:
    """Return texts of tags, words and broken things that *charset* can express."""
    pieces = (*_PIECES, *(_PLACEHOLDERS if placeholders else ()), *_LETTERS[charset])
    return st.lists(st.sampled_from(pieces), max_size=24).map("".join)


@st.composite
def html_messages(draw: st.DrawFn, *, placeholders: bool = False) -> HtmlMessage:
    """Return messages with one HTML part in any encoding, charset, structure and line end."""
    charset = draw(st.sampled_from(CHARSETS))
    wide = charset in {"utf-16", "utf-32"}
    encoding = draw(st.sampled_from(["quoted-printable", "base64", *([] if wide else ["8bit"])]))
    # One ASCII letter: without any, wide text cannot be told from noise.
    text = draw(htmls(charset, placeholders=placeholders)) + ("x" if wide else "")
    octets = text.encode(charset)
    line_end = draw(st.sampled_from([b"\n", b"\r\n"]))
    body = draw(_encoded(octets, encoding)).replace(b"\r\n", b"\n")
    fields = (
        f"Content-Type: text/html; charset={charset}\nContent-Transfer-Encoding: {encoding}\n\n"
    )
    before, after = draw(_surroundings())
    before += fields.encode()
    if after and not body:
        body = b"\n"  # an empty body would share its line end with the delimiter
    before, body, after = (x.replace(b"\n", line_end) for x in (before, body, after))
    return HtmlMessage(
        raw=before + body + after,
        start=len(before),
        end=len(before) + len(body),
        encoding=encoding,
        charset=charset,
    )


@st.composite
def _encoded(draw: st.DrawFn, octets: bytes, encoding: str) -> bytes:
    if encoding == "quoted-printable":
        # Line feeds of wide characters are octets like others, which this escapes.
        return _quoted_printable(octets)
    if encoding == "base64":
        width = draw(st.sampled_from([76, 76, 72, 60, 75, 13, 10_000]))
        encoded = base64.b64encode(octets)
        lines = [encoded[at : at + width] for at in range(0, len(encoded), width)]
        return b"\n".join(lines) + draw(st.sampled_from([b"", b"\n", b"\n\n"]))
    return octets


def _quoted_printable(octets: bytes) -> bytes:
    if b"\0" not in octets:
        return quopri.encodestring(octets)
    escaped = [b"=%02X" % octet for octet in octets]
    return b"=\n".join(b"".join(escaped[at : at + 25]) for at in range(0, len(escaped), 25))


@st.composite
def _surroundings(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Return what is before and after the HTML part's own header and body."""
    before, after = b"", b""
    for depth in range(draw(st.integers(0, 3))):
        boundary = draw(st.sampled_from([b"edge", b"edge-", b"e", b"=_Part(1)"])) + b"%d" % depth
        kind = draw(st.sampled_from([b"mixed", b"alternative", b"related", b"x-other"]))
        siblings = draw(st.lists(st.sampled_from(_SIBLINGS), max_size=2))
        preamble = draw(st.sampled_from([b"", b"Preamble </body>\n"]))
        opening = b"".join(b"--" + boundary + b"\n" + part + b"\n" for part in siblings)
        closing = draw(
            st.sampled_from([b"--\n", b"--", b"--\nEpilogue <body>\n", b"\nX-Y: z\n\nMore"])
        )
        header = b"Content-Type: multipart/" + kind + b'; boundary="' + boundary + b'"\n\n'
        before = header + preamble + opening + b"--" + boundary + b"\n" + before
        after = after + b"\n--" + boundary + closing
    return _ADDRESSES + before, after


_SIBLINGS: Final = (
    b"Content-Type: text/plain; charset=utf-8\n\nPlain words.\n",
    b"\nNo header, <html></body>.\n",
    b"Content-Type: text/html\nContent-Disposition: attachment\n\n<p>File.</p></body>\n",
    b"Content-Type: image/gif\nContent-Transfer-Encoding: base64\n\nR0lGODlhAQABAAAAACw=\n",
    b"Content-Type: message/rfc822\n\nContent-Type: text/html\n\n<p>Inside.</p></body>\n",
    b'Content-Type: multipart/signed; boundary="seal"\n\n--seal\n\nSigned.\n--seal--\n',
)


@st.composite
def untouchable_messages(draw: st.DrawFn) -> bytes:
    """Return messages whose only HTML, if any, is attached, signed, encrypted or inside another."""
    line_end = draw(st.sampled_from([b"\n", b"\r\n"]))
    parts = draw(st.lists(st.sampled_from(_SIBLINGS), min_size=1, max_size=3))
    raw = b'Content-Type: multipart/mixed; boundary="edge"\n\n' + b"".join(
        b"--edge\n" + part + b"\n" for part in parts
    )
    if draw(st.booleans()):
        raw = raw.replace(b"multipart/mixed", b"multipart/encrypted").replace(
            b"attachment", b"inline"
        )
    return (_ADDRESSES + raw + b"--edge--\n").replace(b"\n", line_end)


@st.composite
def mutated_messages(draw: st.DrawFn) -> bytes:
    """Return messages with some stretches cut out, doubled or overwritten."""
    raw = draw(html_messages(placeholders=True)).raw
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(raw)))
        stop = min(len(raw), start + draw(st.integers(0, 40)))
        stretch = draw(
            st.sampled_from([b"", raw[start:stop] * 2, b"\r", b"\n", b"=", b"\0", b"--"])
        )
        raw = raw[:start] + stretch + raw[stop:]
    return raw
