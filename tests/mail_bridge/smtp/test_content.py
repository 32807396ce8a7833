"""A copy is the message with its changes, whatever the dots in it."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_bridge.smtp import Change, DotRemover, Message

# What decides about dots, and something that does not.
OCTETS = st.lists(st.sampled_from([b"\r\n", b".", b"\r", b"\n", b"a", b"\r\n."]), max_size=12).map(
    b"".join
)


@st.composite
def changed(draw: st.DrawFn) -> tuple[bytes, list[Change]]:
    """Draw a message with up to two changes."""
    octets = draw(OCTETS)
    places = st.integers(0, len(octets))
    count = draw(st.integers(0, 2))
    ends = iter(sorted(draw(st.lists(places, min_size=2 * count, max_size=2 * count))))
    return octets, [Change(start, end, draw(OCTETS)) for start, end in zip(ends, ends, strict=True)]


def applied(octets: bytes, changes: Sequence[Change]) -> bytes:
    for change in reversed(changes):
        octets = octets[: change.start] + change.insert + octets[change.end :]
    return octets


@given(changed())
def test_copy_is_the_message_with_its_changes(message: tuple[bytes, list[Change]]) -> None:
    """No other octet differs."""
    octets, changes = message

    assert b"".join(Message(octets).pieces(changes)) == applied(octets, changes)


@given(changed())
def test_dots_are_those_of_the_copy(message: tuple[bytes, list[Change]]) -> None:
    """Whoever takes the dots out again has the copy, and sees its end where it is."""
    octets, changes = message
    copy = applied(octets, changes)

    found, rest = DotRemover().feed(b"".join(Message(octets).stuffed_pieces(changes)))

    assert found == (copy if copy.endswith(b"\r\n") or not copy else copy + b"\r\n")
    assert rest == b""


@pytest.mark.parametrize(
    ("octets", "is_text"),
    [
        (b"", False),
        (b"a\r\n\r\nb\r\n", True),
        (b"a", False),
        (b"a\nb\r\n", False),
        (b"a\rb\r\n", False),
        (b"a\n\r\n", False),
        (b"a\r\r\n", False),
        (b"a\n", False),
    ],
)
def test_text_has_line_ends_and_nothing_like_them(octets: bytes, *, is_text: bool) -> None:
    """Only that arrives by DATA as it was sent, whatever a server takes for the end of a line."""
    assert Message(octets).is_text == is_text


def test_message_without_dots_is_no_copy() -> None:
    """The octets of a message are in memory once, however many copies are sent."""
    octets = b"x" * 1_000 + b"\r\n"
    pieces = list(Message(octets).stuffed_pieces([Change(500, 500, b"y")]))

    shared = [piece for piece in pieces if isinstance(piece, memoryview)]

    assert [piece.obj is octets for piece in shared] == [True, True]
    assert sum(map(len, shared)) >= len(octets) - 4
