"""Headers for tests."""

from injector_service.rewriting.mime import Header
from injector_service.rewriting.mime.header import read_header


def header_of(*fields: str) -> Header:
    """Return the header with these fields."""
    raw = "".join(field + "\r\n" for field in fields).encode() + b"\r\n"
    header = read_header(raw, 0, len(raw))
    assert header is not None
    return header
