"""The messages that tests send, and what they look for in those that come."""

from collections.abc import Callable
from typing import Final

from examples.pixel_url import pixel_url_of

MessageIdOf = Callable[[bytes], str]
"""Reads a tracked message's ID in its pixel."""

SENDER: Final = "robin@example.org"


def a_message(subject: str = "hello", *, size: int = 0) -> bytes:
    """Return a message in HTML that is tracked, of *size* octets or so if it is to be large."""
    text = (
        f"From: <{SENDER}>\r\nTo: <friends@example.net>\r\nSubject: {subject}\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=part\r\n\r\n"
        "--part\r\nContent-Type: text/html\r\n\r\n<html><body><p>Hello</p></body></html>\r\n"
        "--part\r\nContent-Type: application/octet-stream\r\n\r\n"
    ).encode()
    line = b"x" * 76 + b"\r\n"
    return text + line * ((size - len(text)) // len(line)) + b"--part--\r\n"


def pixel_of(octets: bytes) -> str:
    """Return the URL of a message's pixel; empty if it has none."""
    return pixel_url_of(octets)


def mail_from(sender: str = SENDER, parameters: str = "") -> str:
    """Return the argument of MAIL."""
    return f"FROM:<{sender}>{parameters}"


def to(*recipients: str) -> list[str]:
    """Return the arguments of RCPT."""
    return [f"TO:<{each}>" for each in recipients]
