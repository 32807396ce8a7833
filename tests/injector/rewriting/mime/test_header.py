"""The header block: found without being parsed, and where it ends."""

import pytest

from injector_service.rewriting.mime.header import (
    MAX_FIELDS,
    MAX_HEADER_OCTETS,
    Header,
    message_start,
    read_header,
)


def header_of(raw: bytes) -> Header:
    """Read the header of a message that has one."""
    header = read_header(raw, message_start(raw), len(raw))
    assert header is not None
    return header


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"A: b\r\n\r\nbody", b"body"),
        (b"A: b\n\nbody", b"body"),
        (b"A: b\r\n c\r\n\td\r\n\r\nbody", b"body"),
        (b"From x@y Mon\nA: b\n\nbody", b"body"),
        (b">From x@y Mon\nA: b\n\nbody", b"body"),
        (b"\xef\xbb\xbfA: b\r\n\r\nbody", b"body"),
        (b"A : b\r\n\r\nbody", b"body"),
        (b"A: b\r\n<html>", b"<html>"),
        (b"A: b\r\n \r\n<html>", b"<html>"),
        (b"A: b\n--x:y\nC: d\n\nbody", b"body"),
        (b"A: b\n--x\nC: d\n\n", b"--x\nC: d\n\n"),
        (b'Content-Type: a/b;boundary="x:y"\n--x:y\nC: d\n\n', b"--x:y\nC: d\n\n"),
        (b'Content-Type: a/b;boundary="x:y"\n--x:yz\nC: d\n\nbody', b"body"),
        (b"--x:\n" * 8 + b"\nbody", b"body"),
        (b"--x:\n" * 9 + b"\nbody", b"--x:\n\nbody"),
        (b"\r\nbody", b"body"),
        (b"A: b\r\n\n\nbody", b"\nbody"),
    ],
)
def test_body_begins_after_the_block(raw: bytes, body: bytes) -> None:
    """The block ends at a blank line, or at the first line that is no field."""
    header = header_of(raw)

    assert raw[header.body_start :] == body


def test_field_is_found_whatever_its_case_and_spacing() -> None:
    """A field is found by name in any case, and its folds are undone."""
    header = header_of(b"X-A: 1\r\nSUBJECT : Hello\r\n  world \r\nsubject: second\r\n\r\n")

    assert header.get("Subject") == "Hello  world"
    assert header.get_all("subject") == ["Hello  world", "second"]
    assert header.get("Sub") is None
    assert header.get("X-B") is None


def test_field_name_inside_a_value_is_no_field() -> None:
    """Text that looks like a field inside a folded value is not taken for one."""
    header = header_of(b"X: a\r\n To: nobody\r\nTo-Do: x\r\nTo: bob@example.net\r\n\r\n")

    assert header.get_all("To") == ["bob@example.net"]


def test_value_that_is_no_utf8_is_latin1() -> None:
    """Raw octets in a value become text without an error and without surrogates."""
    header = header_of(b"A: na\xc3\xafve\r\nB: na\xefve\r\n\r\n")

    assert header.get("A") == "na\u00efve"
    assert header.get("B") == "na\u00efve"


def test_fields_know_where_they_stand() -> None:
    """The span of a field covers its folded lines and the line end."""
    raw = b"\xef\xbb\xbfA: b\r\nX-Drop: one\r\n two\r\nC: d\r\n\r\n"
    header = header_of(raw)

    ((start, end),) = header.spans("x-drop")

    assert raw[start:end] == b"X-Drop: one\r\n two\r\n"
    assert list(header.fields({"c", "x-drop"})) == [("X-Drop", "one two"), ("C", "d")]


def test_very_long_values_are_read_in_part_or_not_at_all() -> None:
    """Of a text its start is enough, in whole characters; a list of addresses is whole or none."""
    raw = b"S: " + "\u00e9".encode() * 10_000 + b"\nTo: a@b\nTo: c@d" + b" " * 70_000 + b"\n\n"
    header = header_of(raw)

    assert header.get("S") == "\u00e9" * (len(header.get("S") or ""))
    assert 4_000 < len(header.get("S") or "") < 5_000
    assert header.get_all("To") == ["a@b", None]


def test_last_field_may_lack_its_line_end() -> None:
    """A message that stops inside its header still has its fields."""
    header = header_of(b"A: b\r\nC: d")

    assert header.get("C") == "d"
    assert header.spans("C") == [(6, 10)]


def test_endless_header_is_given_up() -> None:
    """A block over the limit is not looked at."""
    raw = b"A: " + b"b" * MAX_HEADER_OCTETS + b"\r\n\r\nbody"

    assert read_header(raw, 0, len(raw)) is None


def test_endless_fields_are_given_up() -> None:
    """A block of more fields than any message has is not looked at; folded lines are no fields."""
    fields = b"A: b\r\n c\r\n\td\r\n" * MAX_FIELDS

    assert header_of(fields + b"\r\n").get("A") == "b c\td"
    assert read_header(fields + b"A: b\r\n\r\n", 0, len(fields) + 8) is None
