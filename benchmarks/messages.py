"""The messages that the benchmarks rewrite: made, not found, and the same in every run."""

import base64
import binascii
from typing import Final

_HEADER: Final = (
    b"Received: from mx.example.org (mx.example.org [192.0.2.1])\r\n"
    b"\tby mail.example.net with ESMTPS id 4XyZ; Mon, 3 Nov 2025 09:00:00 +0100\r\n"
    b"From: =?utf-8?q?Z=C3=BCrcher_Brief?= <brief@example.org>\r\n"
    b"To: Robin Reader <robin@example.net>\r\n"
    b"Subject: =?utf-8?q?Was_diese_Woche_neu_ist_=E2=80=93_und_was_bleibt?=\r\n"
    b"Date: Mon, 3 Nov 2025 09:00:00 +0100\r\n"
    b"Message-ID: <20251103.4711@example.org>\r\n"
    b"List-Unsubscribe: <https://example.org/unsubscribe?u=4711>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"MIME-Version: 1.0\r\n"
)

_HEAD: Final = (
    '<!DOCTYPE html>\n<html lang="de"><head><meta charset="utf-8"><title>Brief</title>\n'
    "<style>body { margin: 0 } .sheet { width: 600px } a:hover { color: red }</style>\n"
    "<!--[if mso]><style>.sheet { width: 600px }</style><![endif]-->\n</head>\n"
    '<body style="background: #fff"><table class="sheet" cellpadding="0" border="0">\n'
)
_ROW: Final = (
    '<tr><td style="padding: 12px; font: 16px/1.5 Georgia, serif"><h2>Nachricht {number}</h2>\n'
    "<p>Über den Dächern \N{EN DASH} früher als je zuvor \N{EN DASH} öffnen wir die Türen, und "
    "für jedes Kind liegt "
    'ein Setzling bereit. <a href="https://example.org/n?id={number}&amp;u=4711">Mehr lesen</a>'
    "</p></td></tr>\n"
)
_FOOT: Final = "</table>\n<p><small>© Zürcher Brief</small></p>\n</body></html>\n"


def page(octets: int) -> bytes:
    """Return a newsletter of about so many octets of HTML."""
    rows: list[str] = []
    size = len(_HEAD) + len(_FOOT)
    while size < octets:
        rows.append(_ROW.format(number=len(rows)))
        size += len(rows[-1].encode())
    return "".join((_HEAD, *rows, _FOOT)).encode()


def quoted_printable(octets: int) -> bytes:
    """Return a message with text and HTML of about so many octets in quoted-printable."""
    html = page(octets * 3 // 5)
    encoded = binascii.b2a_qp(html, istext=True).replace(b"\n", b"\r\n")
    return _alternative(b"quoted-printable", encoded)


def base64_lines(octets: int) -> bytes:
    """Return a message with text and HTML of about so many octets in base64."""
    return _alternative(b"base64", _wrapped(page(octets * 3 // 4)))


def with_attachment(octets: int, *, html_first: bool) -> bytes:
    """Return a message of so many octets: a small HTML part and a large attachment."""
    html = (
        b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n"
        b"\r\n" + binascii.b2a_qp(page(6_000), istext=True).replace(b"\n", b"\r\n")
    )
    # Octets like those of a compressed file, without a source of chance.
    data = bytes((i * i >> 7) & 0xFF for i in range(65_536))
    needed = (octets - len(html)) // 78 * 57
    attachment = (
        b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename=a.pdf\r\n\r\n"
        + _wrapped((data * (needed // len(data) + 1))[:needed])
    )
    parts = (html, attachment) if html_first else (attachment, html)
    return _multipart(b"mixed", parts)


def _alternative(encoding: bytes, html: bytes) -> bytes:
    text = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + b"Was diese Woche neu ist.\r\n" * 40
    html_part = (
        b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: " + encoding
        + b"\r\n\r\n" + html
    )  # fmt: skip
    return _multipart(b"alternative", (text, html_part))


def _multipart(kind: bytes, parts: tuple[bytes, ...]) -> bytes:
    boundary = b"----=_Part_7265_1093847.1762156800"
    delimiter = b"\r\n--" + boundary
    return b"".join(
        (
            _HEADER,
            b'Content-Type: multipart/%b; boundary="%b"\r\n' % (kind, boundary),
            *(piece for part in parts for piece in (delimiter, b"\r\n", part)),
            delimiter,
            b"--\r\n",
        )
    )


def _wrapped(data: bytes) -> bytes:
    encoded = base64.b64encode(data)
    return b"".join(encoded[i : i + 76] + b"\r\n" for i in range(0, len(encoded), 76))
