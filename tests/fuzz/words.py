"""The words that mutations put into messages: what mail and HTML are made of, right and wrong."""

from typing import Final

# The token that counts as ours in the fuzzer, and one of somebody else.
OWN_TOKEN: Final = "AQ" + "fZ7-_k" * 20
OTHER_TOKEN: Final = "BQ" + "gY8_-m" * 20

_OWN: Final = OWN_TOKEN.encode()
_OTHER: Final = OTHER_TOKEN.encode()

OWN_PIXELS: Final = (
    b'<img src="https://open.example.org/o/%b.gif" width="1" height="1" alt="" border="0">' % _OWN,
    b'<img src="https://other.example/x/o/%b.gif" width="1" height="1" alt="" border="0">' % _OWN,
    b"<IMG SRC='http://a.example/o/%b.gif?x=1&amp;y=2' alt=\"\">" % _OWN,
    b"<img width=1 src=https://a.example/o/%b.gif>" % _OWN,
    b'<img src="https://proxy.example/p?u=https://open.example.org/o/%b.gif">' % _OWN,
    b'<img alt=">" src="https://open.example.org/o/%b.gif"/>' % _OWN,
    b'<td background="https://open.example.org/o/%b.gif" width=1>' % _OWN,
    b'<img srcset="https://open.example.org/o/%b.gif 1x" src=x>' % _OWN,
    b'<!--[if vml]><v:fill src="https://open.example.org/o/%b.gif"/><![endif]-->' % _OWN,
)
FOREIGN_PIXELS: Final = (
    b'<img src="https://open.example.org/o/%b.gif" width="1" height="1" alt="">' % _OTHER,
    b'<img src="https://open.example.org/o/.gif" width="1" height="1" alt="">',
    b"https://open.example.org/o/%b.gif" % _OWN,
    b'<a href="https://open.example.org/o/%b.gif">x</a>' % _OWN,
    b"<!-- <img src='https://open.example.org/o/%b.gif'> -->" % _OWN,
)

HTML_WORDS: Final = (
    b"<html>", b"</html>", b"<head>", b"</head>", b"<body>", b"<body class='a'>", b"</body>",
    b"</BODY >", b"</body\n>", b"</body", b"</bodyx>", b"</body a='", b"<frameset>",
    b"</frameset>", b"<!--", b"-->", b"--!>", b"<!-->", b"<!--->", b"<!", b"<!>", b"<?xml ?>",
    b"<?", b"</", b"</>", b"<!-- </body> -->", b"<!--[if mso]>", b"<![endif]-->",
    b"<!--[if !mso]><!-->", b"<!--<![endif]-->", b"<![if !mso]>", b"<![endif]>", b"<![CDATA[",
    b"]]>", b"<!DOCTYPE html>", b"<style>", b"</style>", b"<style></style>", b"<script>",
    b"</script>", b"<script>'<!--<script>'", b"<title>", b"</title>", b"<textarea>",
    b"</textarea>", b"<template>", b"</template>", b"<select>", b"</select>", b"<option>",
    b"<object>", b"</object>", b"<noscript>", b"</noscript>", b"<xmp>", b"</xmp>", b"<iframe>",
    b"</iframe>", b"<noembed>", b"<noframes>", b"</noframes>", b"<plaintext>", b"<svg>",
    b"</svg>", b"<svg/>", b"<math>", b"</math>", b"<mi>", b"<svg><style>", b"<svg><![CDATA[",
    b"<table>", b"</table>", b"<tr>", b"<td>", b"</td>", b"<div style='display:none'>",
    b'<div style="display: none">', b"</div>", b"<p>", b"</p>", b"<p style=display:none>",
    b"<td style='display:none'>", b"<body style='display:none'>", b'<a href="', b"<a href='",
    b"<a href=", b'<a b = "', b'"', b"'", b'="', b"='", b"=", b">", b"<", b"/>", b"<img",
    b"<img src=", b"<br>", b"&lt;/body&gt;", b"&", b"{{openTracker}}", b"{{ses:openTracker}}",
    b"{{opentracker}}", b"{{openTracker", b"<a b='{{openTracker}}'>",
    b"<script>{{openTracker}}</script>", b"<!--{{openTracker}}-->", b"{{", b"}}",
    b"-----BEGIN PGP MESSAGE-----\n", b"-----BEGIN PGP SIGNED MESSAGE-----\n",
    b"-----END PGP MESSAGE-----\n", b"\x00", b"\x0c", b"\x0b", b"\r", b"\n", b"\r\n", b"\n\n",
    b" ", b"\t", b" \n", b".\n", b"\n.\n", b"\nFrom me\n", b"\xc3\xa4", b"\xe4", b"\xff\xfe",
    b"\xef\xbb\xbf", b"\x1b$B", b"\x1b(B", b'\x1b$B$"$"', b"\x1b$@<\x1b(J", b"\x0e", b"\x0f",
    b"~{", b"~}", b"~~", b"~", b"+ADw-", b"+ADwALw-body+AD4-", b"+-", b"+", b"+AD", b"\x80",
    b"\x8e", b"x" * 990, b"y " * 500, *OWN_PIXELS, *FOREIGN_PIXELS,
)  # fmt: skip

TRANSFER_ENCODINGS: Final = (
    b"7bit", b"8bit", b"binary", b"quoted-printable", b"base64", b"QUOTED-PRINTABLE", b"Base64 ",
    b"(c) base64", b"x-uuencode", b"8bits", b"", b'"base64"', b"base64; x", b"quoted-printable,",
)  # fmt: skip

# With the codec in which the fuzzer writes a page so labelled.
CHARSETS: Final = (
    (b"utf-8", "utf-8"), (b"utf-8", "utf-8"), (b"us-ascii", "latin-1"),
    (b"iso-8859-1", "latin-1"), (b"windows-1252", "cp1252"), (b"utf-16", "utf-16"),
    (b"utf-16le", "utf-16-le"), (b"utf-16be", "utf-16-be"), (b"utf-32", "utf-32"),
    (b"utf-32be", "utf-32-be"), (b"iso-2022-jp", "iso2022_jp"), (b"iso-2022-kr", "iso2022_kr"),
    (b"hz-gb-2312", "hz"), (b"utf-7", "utf-7"), (b"gb18030", "gb18030"),
    (b"shift_jis", "shift_jis"), (b"big5", "big5"), (b"euc-kr", "euc_kr"), (b"koi8-r", "koi8-r"),
    (b"cp037", "cp037"), (b"x-unknown", "latin-1"), (b"utf-16", "utf-8"), (b"utf-8", "utf-16-le"),
    (b"utf-7", "utf-8"), (b"utf-8", "iso2022_jp"), (b"", "utf-8"), (b"johab", "johab"),
    (b'"utf-8', "utf-8"), (b"unicode", "utf-16-le"),
)  # fmt: skip

HEADER_LINES: Final = (
    b"Content-Type: text/html", b"Content-Type: text/plain",
    b"Content-Type: text/html; charset=utf-8", b'Content-Type:text/html;charset="utf-7"',
    b"content-type: TEXT/HTML; charset = utf-16 ",
    b"Content-Type: text/html\n ; charset*0=iso-; charset*1=2022-jp", b"Content-Type: html",
    b"Content-Type: text/html; charset*=us-ascii'en'utf-16", b"Content-Type : text/html",
    b"Content-Type: (x) text (y) / (z) html", b"Content-Type:", b"Content-Type: /",
    b"Content-Type: ;", b"Content-Type: multipart/mixed; boundary=b",
    b'Content-Type: multipart/mixed; boundary="b',
    b'Content-Type: multipart/alternative; boundary*0="b"; boundary*1=1',
    b"Content-Type: multipart/related;\n\tboundary*=us-ascii'en'b%31",
    b"Content-Type: multipart/mixed", b"Content-Type: multipart/signed; boundary=b",
    b"Content-Type: multipart/encrypted; boundary=b",
    b"Content-Type: multipart/report; boundary=b", b"Content-Type: multipart/digest; boundary=b",
    b'Content-Type: multipart/mixed; boundary=""',
    b'Content-Type: multipart/mixed; boundary=" b "',
    b'Content-Type: multipart/mixed; boundary="a\\"b"', b"Content-Type: message/rfc822",
    b"Content-Type: message/partial; id=1",
    b"Content-Type: application/pkcs7-mime; smime-type=signed-data",
    b"Content-Type: application/octet-stream", b"Content-Type: text/x-amp-html",
    b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: quoted-printable",
    b"Content-Transfer-Encoding: 7bit", b"Content-Transfer-Encoding:",
    b"Content-Transfer-Encoding: x-uue", b"Content-Disposition: attachment; filename=a.html",
    b"Content-Disposition: inline", b"Content-Disposition:\n attachment", b"MIME-Version: 1.0",
    b"DKIM-Signature: v=1; b=abc", b"To: Ann <ann@example.org>",
    b"To: a@example.org, b@example.org", b"To: g: a@example.org;",
    b"To: undisclosed-recipients:;", b'Cc: "x, y" (a, (b)) <c@EXAMPLE.org>', b"Bcc: <@a,@b:c@d>",
    b'To: "unclosed <a@b>', b"To: =?utf-8?q?=2C?= <a@b>", b"To: (((", b"From: A <a@example.org>",
    b"Subject: x\n y\n\tz", b"X-Configuration-Id: abc", b"x-configuration-id : d\n e",
    b": no name", b" folded", b"\tfolded", b"No-Colon", b"From mbox@example.org Thu Jan 1",
    b">From me", b"X: \xff\xe4", b"X: " + b"y" * 1200, b"--b", b"--b--", b"", b"\xef\xbb\xbf",
)  # fmt: skip

BODY_WORDS: Final = (
    b"=", b"==", b"=\n", b"=\r\n", b"= \n", b"=3D", b"=3d", b"=3C/body=3E", b"</bo=\ndy>", b"=00",
    b"=0D=0A", b"=20\n", b" \n", b"=Z", b"=4", b"A", b"AA", b"AAA=", b"AA==", b"AAAA", b"====",
    b"PGh0bWw+", b"PC9ib2R5Pg==", b"-", b"_", b"--\n", b"\n--", b"\n\n", b"\r\n\r\n", b"\r",
    b"\n", b"\x00", b"\n--\n_____\nlist footer\n", b"begin 644 a\n", b"\x1a", b".\n", b"..\n",
)  # fmt: skip
