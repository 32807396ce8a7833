"""The standard library's email package as a peer: the most careful rewriting that it allows.

Parsed and printed, which the package cannot do without; but no header field is
refolded, no transfer encoding and no charset changes, and only the payload of
the HTML part is replaced.
"""

import base64
import binascii
import email.generator
import email.message
import email.policy
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from injector_service.rewriting import Pixel

if TYPE_CHECKING:
    # Generic for the type checker only: Python 3.11's class is not.
    Message = email.message.Message[str, str]
else:
    Message = email.message.Message

_POLICIES = {
    line_end: email.policy.compat32.clone(linesep=line_end, max_line_length=0, cte_type="8bit")
    for line_end in ("\r\n", "\n")
}


def rewrite(raw: bytes, pixel: Pixel) -> bytes:
    """Return *raw* with *pixel* before the last ``</body>`` of its first HTML part."""
    line_end = "\r\n" if b"\r\n" in raw[:2_000] else "\n"
    policy = _POLICIES[line_end]
    message = email.message_from_bytes(raw, policy=policy)
    part = next(_html_parts(message), None)
    if part is None:
        return raw
    html = part.get_payload(decode=True)
    assert isinstance(html, bytes)
    at = html.lower().rfind(b"</body")
    at = len(html) if at < 0 else at
    html = html[:at] + pixel.markup() + html[at:]
    encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    part.set_payload(_encoded(html, encoding).decode("ascii", "surrogateescape"))
    output = io.BytesIO()
    generator = email.generator.BytesGenerator(
        output, mangle_from_=False, maxheaderlen=0, policy=policy
    )
    generator.flatten(message, linesep=line_end)
    return output.getvalue()


def _html_parts(message: Message) -> Iterator[Message]:
    """Yield the HTML parts that are no attachments, without entering messages in the message."""
    kind = message.get_content_type()
    if kind.startswith("message/") or kind in {"multipart/signed", "multipart/encrypted"}:
        return
    payload = message.get_payload()
    if message.is_multipart() and isinstance(payload, list):
        for part in payload:
            assert isinstance(part, email.message.Message)
            yield from _html_parts(part)
    elif kind == "text/html" and message.get_content_disposition() != "attachment":
        yield message


def _encoded(html: bytes, encoding: str) -> bytes:
    if encoding == "quoted-printable":
        return binascii.b2a_qp(html, istext=True)
    if encoding == "base64":
        return base64.encodebytes(html)
    return html
