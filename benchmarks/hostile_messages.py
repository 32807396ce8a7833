"""Messages that are built to cost more than their size, each named by what it repeats."""

from collections.abc import Mapping
from typing import Final

from benchmarks.families import (
    OWN_PIXEL,
    OWN_TOKEN,
    QUOTED_PRINTABLE,
    Family,
    distinct_names,
    encoded,
    field,
    fields,
    html,
    in_charset,
    in_quoted_printable,
    long_boundary,
    multipart,
    nested_comments,
)

_LETTERS: Final = b"QUFB" * 19
_FULL_LINE: Final = _LETTERS + b"\n"
_EMOJI: Final = "\U0001f600"
_DAMAGED_LINE: Final = _LETTERS[:75] + b"!\n"

ADDRESSES: Final[Mapping[str, Family]] = {
    "To: (((": field(b"To", b"("),
    "To: u@x (((": field(b"To", b"(", before=b"u@x "),
    "To: ((...))": nested_comments,
    "From: (((": field(b"From", b"("),
    "To: ]]]": field(b"To", b"]"),
    "To: u@x (]]]": field(b"To", b"])", before=b"u@x ("),
    "To: ,,,": field(b"To", b","),
    "To: a@b, a@b,": field(b"To", b"a@b,"),
    "To: () a@b, () a@b": field(b"To", b"()a@b,"),
    "To: a@b(, a@b(,": field(b"To", b"a@b(,"),
    'To: "a"a': field(b"To", b'"a'),
    "To: <<<": field(b"To", b"<"),
    "To: <a@b> <a@b>": field(b"To", b"<a@b>"),
    "To: <@a,@a,@a:b@c>": field(b"To", b"@a,", before=b"<", after=b":b@c>"),
    "To: g: g: g:": field(b"To", b"g:"),
    "To: x      y": field(b"To", b" ", before=b"x", after=b"y"),
    r"To: \(\(\(": field(b"To", rb"\("),
    "To: a@b (nearly too many)": field(b"To", b" x" * 15 + b"(c)<a@b>,"),
    "To, To, To": fields(b"To:\n"),
    "To: a@b, To: a@b": fields(b"To: (x) a@b, a@b\n"),
}

FIELDS: Final[Mapping[str, Family]] = {
    **{
        f"{name.decode()}: {shape}": field(name, unit, before=before)
        for name, value in (
            (b"Content-Type", b"text/html "),
            (b"Content-Transfer-Encoding", b"8bit "),
            (b"Content-Disposition", b"inline "),
        )
        for shape, unit, before in (
            (r"(\(\(\(", rb"\(", value + b"("),
            ("(((", b"(", value),
            ("()()()", b"()", value),
            (r"(\\\\\\", b"\\", value + b"("),
            (";;;", b";", value),
            (";a=b;a=b", b";a=b", value),
            (';a=";a="', b';a="', value),
            ('"("(', b'"(', value),
            ("; a      ", b" ", value + b"; a"),
            ("; a a a", b" a", value + b"; a"),
            ("; charset*1=a", b"; charset*1=a", value),
        )
    },
    "a: a: a:": fields(b"a:\n"),
    "Subject: emoji": field(b"Subject", _EMOJI.encode()),
    "Subject: x, Subject: x": fields(b"Subject: x\n"),
    "To: emoji": field(b"To", _EMOJI.encode(), after=b" <a@b>"),
    "folds": fields(b"X:\n \n \n \n \n \n \n \n"),
    "Content-TypeX": fields(b"content-typex:\n"),
    "X-Configuration-Id": fields(b"x-configuration-id:\n"),
    "From From From": fields(b"From \n"),
}

MARKUP: Final[Mapping[str, Family]] = {
    name: html(unit, before=before, after=after)
    for name, before, unit, after in (
        ("<!----!>", b"", b"<!----!>", b""),
        ("<!----!> -->", b"", b"<!----!>", b"-->"),
        ("<!--<!--", b"", b"<!--", b""),
        ("<!--><!-->", b"", b"<!-->", b""),
        ("<!--->x<!--->", b"", b"<!--->x", b""),
        ("{{openTracker}}", b"", b"{{openTracker}}", b""),
        ("hidden {{openTracker}}", b"", b"<p hidden>{{openTracker}}", b""),
        ("{{openTracker}", b"", b"{{openTracker}", b""),
        ("{{{{", b"", b"{", b""),
        ("own pixels", b"", OWN_PIXEL, b""),
        ("other pixels", b"", b"<img src='/o/x.gif'>", b""),
        ("<p hidden><p hidden>", b"", b"<p hidden>", b""),
        ("<p hidden></p>", b"", b"<p hidden></p>", b""),
        ("<b hidden></b>", b"", b"<b hidden></b>", b""),
        ("open quote, <b hidden>", b'<p>="', b"<b hidden></b>", b""),
        ("<b><b> hidden", b"", b"<b>", b"<b hidden>"),
        ("hidden hidden", b"", b"hidden ", b""),
        ("> hidden hidden", b"<p>", b"hidden ", b""),
        ("display:none", b"", b"display:none ", b""),
        ("display:    ", b"", b"display    ", b""),
        ("<p style='display:none'>", b"", b"<p style='display:none'></p>", b""),
        ("x<style><</style>", b"x", b"<style><</style>", b""),
        ("<svg><style><</style>", b"<svg>", b"<style><</style>", b""),
        ("x<style></style>", b"x", b"<style></style>", b""),
        ("<style><style>", b"", b"<style>", b""),
        ("<svg><style><style>", b"<svg>", b"<style>", b""),
        ("<svg><style></style>", b"<svg>", b"<style></style>", b""),
        ("<svg><style></style x>", b"<svg>", b"<style></style x", b""),
        ("<svg><xmp><b a></xmp>", b"<svg>", b"<xmp>", b"<b a='" + b"x" * 50 + b"'></xmp>"),
        ("<script><!--</script>", b"", b"<script><!--</script>", b""),
        ("<script><!--<script></script>", b"", b"<script><!--<script></script>", b""),
        ("<script></script>", b"", b"<script></script>", b""),
        ("<<<", b"", b"<", b""),
        ("<a <a", b"", b"<a ", b""),
        ("<a b='", b"", b"<a b='", b""),
        ('<a b=">', b"", b'<a b=">', b""),
        ("<img<img", b"", b"<img a=b", b""),
        ("<img>", b"", b"<img>", b""),
        ("<svg><svg>", b"", b"<svg>", b""),
        ("<template><template>", b"", b"<template>", b""),
        ("<select><select>", b"", b"<select>", b""),
        ("<svg><select>", b"", b"<svg><select>", b""),
        ("<template></template>", b"", b"<template></template>", b""),
        ("<svg></template>", b"<svg>" * 64, b"</template>", b""),
        ("<object><svg></object>", b"", b"<object><svg></object>", b""),
        ("<body><body>", b"", b"<body>", b""),
        ("</body></body>", b"", b"</body>", b""),
        ("<svg><![CDATA[", b"<svg>", b"<![CDATA[", b""),
        ("<svg><![CDATA[>", b"<svg>", b"<![CDATA[>", b""),
        ("<!<!", b"", b"<!", b""),
        ("<!><!>", b"", b"<!>", b""),
        ("quotes", b"", b"\"'=", b""),
        ('="><!---->', b"", b'="><!---->', b""),
        ("x > <style></style>", b"<p>", b"x <style></style>", b""),
        ("white space", b"", b" ", b"x"),
        ("line ends", b"", b"\n", b""),
        ("<meta><meta>", b"", b"<meta>", b""),
        ("<p a=b a=b a=b", b"<p", b" a=b", b""),
        ("<img a=b a=b a=b>", b"<img", b" a=b", b"></body>"),
        ("<p a=b a=b hidden>", b"<p", b" a=b", b" hidden>x"),
        ("<frameset>", b"", b"<frameset>", b""),
        ("-----BEGIN PGP", b"", b"-----BEGIN PGP ", b""),
        ("NUL", b"", b"\0", b""),
        ("NUL <", b"", b"\0<", b""),
        ("one line", b"", b"a", b""),
        ("short lines", b"", b"a\r\n", b""),
    )
} | {"distinct hidden names": distinct_names}  # fmt: skip

ENCODINGS: Final[Mapping[str, Family]] = {
    "placeholders in quoted-printable": in_quoted_printable(b"{{openTracker}}"),
    "placeholders on lines": encoded(b"{{openTracker}}\r\n", encoding=QUOTED_PRINTABLE),
    "placeholders and soft breaks": encoded(b"{{openTracker}}=\r\n", encoding=QUOTED_PRINTABLE),
    "own pixels in quoted-printable": in_quoted_printable(OWN_PIXEL),
    "own tokens in quoted-printable": in_quoted_printable(
        b"/o/%b.gif " % OWN_TOKEN.encode()
    ),
    "placeholders in base64": in_charset("{{openTracker}}", "ascii"),
    "own pixels in base64": in_charset(OWN_PIXEL.decode(), "ascii"),
    "an own pixel before text in base64": in_charset("text ", "ascii", before=OWN_PIXEL.decode()),
    "ideographs in utf-16": in_charset("\u4e00", "utf-16"),
    **{
        f"placeholders among emoji in {codec}": in_charset(_EMOJI + "{{openTracker}}", codec)
        for codec in ("utf-16", "utf-16-le", "utf-16-be", "utf-32")
    },
    "own pixels among emoji in utf-16": in_charset(_EMOJI + OWN_PIXEL.decode(), "utf-16"),
    "~ in HZ": html(b"~", charset=b"hz"),
    "~{ in HZ": html(b"~{", charset=b"hz"),
    "~{~} in HZ": html(b"~{!!~}", charset=b"hz"),
    "~{ lines in HZ": html(b"~{\n", charset=b"hz"),
    "~{~~~ in HZ": html(b"~", before=b"~{", charset=b"hz"),
    "escapes in ISO-2022-JP": html(b"\x1b$B", charset=b"iso-2022-jp"),
    "half escapes in ISO-2022-JP": html(b"\x1b", charset=b"iso-2022-jp"),
    "shifts in ISO-2022-KR": html(b"\x0e", charset=b"iso-2022-kr"),
    "shifts and back in ISO-2022-KR": html(b"\x0e!\x0f", charset=b"iso-2022-kr"),
    "+ in UTF-7": html(b"+", charset=b"utf-7"),
    "+- in UTF-7": html(b"+-", charset=b"utf-7"),
    "runs in UTF-7": html(b"+AGE-", charset=b"utf-7"),
    "runs of two in UTF-7": html(b"+AG+", charset=b"utf-7"),
    "placeholders in UTF-7": html(b"{{openTracker}}+-", charset=b"utf-7"),
    "one run in UTF-7": html(b"AGEA", before=b"+", charset=b"utf-7"),
    "! in base64": encoded(b"!"),
    "QUFB! in base64": encoded(b"QUFB!"),
    "== in base64": encoded(b"="),
    "= = in base64": encoded(b"= ", before=b"AAAA"),
    "lines with ! in base64": encoded(_DAMAGED_LINE * 4),
    "lines and ! in base64": encoded(_FULL_LINE + b"!\n"),
    "lines and lines with ! in base64": encoded((_FULL_LINE + _DAMAGED_LINE) * 4),
    "lines without end in base64": encoded(_LETTERS[:75] + b" !", after=b"\n"),
    "empty lines in base64": encoded(b"\n"),
    "white space in base64": encoded(b" ", before=b"AAAA", after=b"x"),
    "white space and = in base64": encoded(b" ", before=b"AAAA", after=b"="),
    **{
        f"{name} in quoted-printable": encoded(
            unit, before=before, after=after, encoding=QUOTED_PRINTABLE
        )
        for name, before, unit, after in (
            ("===", b"", b"=", b""),
            ("= = =", b"", b"= ", b""),
            ("=      x", b"=", b" ", b"x"),
            ("soft breaks", b"", b"=\r\n", b""),
            ("padded soft breaks", b"", b"= \r\n", b""),
            ("=00", b"", b"=00", b""),
            ("=20=", b"", b"=20=\n", b""),
            ("white space", b"", b" ", b"x"),
            ("lines of white space", b"", b" \n", b"x"),
        )
    },
}  # fmt: skip

PARTS: Final[Mapping[str, Family]] = {
    "empty parts": multipart(b"\n--b\n"),
    "parts": multipart(b"\n--b\nContent-Type: text/plain\n\n"),
    "multiparts in multiparts": multipart(
        b"\n--b\nContent-Type: multipart/mixed; boundary=b\n\n"
    ),
    "lookalikes": multipart(b"\n--bx"),
    "hyphens": multipart(b"--"),
    "padding": multipart(b"\n--b" + b" " * 900 + b"x"),
    "multiparts with like boundaries": multipart(
        b"\n--b",
        before=b"".join(
            b'--b%b\nContent-Type: multipart/mixed; boundary="b%b"\n\n'
            % (b"x" * level, b"x" * (level + 1))
            for level in range(9)
        ),
    ),
    "a long boundary": long_boundary,
    "comments in parts": multipart(b"\n--b\nContent-Type: text/plain (" + rb"\(" * 100 + b"\n\n"),
}  # fmt: skip

FAMILIES: Final[Mapping[str, Family]] = {**ADDRESSES, **FIELDS, **MARKUP, **ENCODINGS, **PARTS}
