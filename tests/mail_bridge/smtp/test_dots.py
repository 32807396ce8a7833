"""Only CRLF, dot, CRLF ends a message, and no dot of it is lost or added."""

import itertools
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mail_bridge.smtp import DotRemover, resembles_end
from tests.mail_bridge.talking_client import with_dots

AFTER = b"MAIL FROM:<next@example.com>\r\n"

# What matters to dots, in every order; other octets stand for themselves.
MESSAGES = st.lists(
    st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"..", b"a", b"\x00", b"\xff", b" "]), max_size=20
).map(b"".join)


def removed(octets: bytes, cuts: list[int]) -> tuple[bytes, bytes | None]:
    """Return message and rest of what comes in pieces that end at *cuts*."""
    remover, message, rest = DotRemover(), b"", None
    places = [0, *sorted(cut % (len(octets) + 1) for cut in cuts), len(octets)]
    for start, end in itertools.pairwise(places):
        if rest is not None:
            rest += octets[start:end]
            continue
        content, rest = remover.feed(octets[start:end])
        message += content
    return message, rest


@given(MESSAGES, st.lists(st.integers(0, 200), max_size=6))
@example(b"", [1, 2, 3])
@example(b"\r\n.\r\n", [1, 2, 3, 4, 5, 6, 7])
def test_message_comes_out_as_it_went_in(message: bytes, cuts: list[int]) -> None:
    """Dots are put in and taken out again, wherever the network cuts; what follows is left."""
    end = b"" if not message or message.endswith(b"\r\n") else b"\r\n"

    assert removed(with_dots(message) + AFTER, cuts) == (message + end, AFTER)


@given(MESSAGES)
def test_end_is_seen_where_the_standard_has_it_and_nowhere_else(octets: bytes) -> None:
    """What a client sends is read line by line as RFC 5321 section 4.5.2 says, in a slow way."""
    lines = (octets + b"\r\n.\r\n" + AFTER).split(b"\r\n")
    end = lines.index(b".")
    expected = b"".join(line.removeprefix(b".") + b"\r\n" for line in lines[:end])
    rest = b"\r\n".join(lines[end + 1 :])

    assert removed(octets + b"\r\n.\r\n" + AFTER, []) == (expected, rest)


@pytest.mark.parametrize(
    "inside",
    [
        b"\n.\n",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r",
        b"\r.\r\n",
        b"\r\n.\r",
        b"\r\n\x00.\r\n",
        b"\r.\n",
    ],
)
def test_what_only_resembles_the_end_is_part_of_the_message(inside: bytes) -> None:
    """SMTP smuggling: commands after a false end are text, and none is obeyed."""
    sent = b"a" + inside + b"MAIL FROM:<smuggled@example.com>\r\n.\r\n"

    message, rest = removed(sent, [])

    assert rest == b""
    assert b"smuggled" in message


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"a\n.\nb\r\n", True),
        (b"a\n.\r\nb\r\n", True),
        (b"a\r.\nb\r\n", True),
        (b"a\r.\rb\r\n", True),
        (b"a\r.\r\nb\r\n", True),
        (b"a\n.", True),
        (b"a\r.", True),
        # After CRLF the dot gets another one.
        (b"a\r\n.\nb\r\n", False),
        (b"a\r\n.\r\nb\r\n", False),
        (b"a\r\n.\rb\r\n", False),
        (b".\nb\r\n", False),
        (b".", False),
        (b"a\nb\rc\r\n", False),
        (b"a\n.b\n..\n", False),
        (b"", False),
    ],
)
def test_what_a_lenient_server_takes_for_the_end_is_known(
    message: bytes, *, expected: bool
) -> None:
    """A dot alone between line ends of any kind is looked for in what would be sent."""
    assert resembles_end(message) is expected


@given(MESSAGES)
def test_lenient_server_sees_no_earlier_end_in_what_resembles_none(message: bytes) -> None:
    """Where nothing resembles the end, taking CR, LF and CRLF all for line ends finds only ours."""
    if not resembles_end(message):
        lines = re.split(rb"\r\n|\r|\n", with_dots(message))

        assert lines.index(b".") == len(lines) - 2
