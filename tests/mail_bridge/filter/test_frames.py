"""What passes between a filter and the bridge: whole and right, or refused."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_bridge.filter import (
    QUESTION_HEAD_OCTETS,
    Answer,
    FrameInvalid,
    Question,
    Splice,
    Verdict,
    question_sizes,
)
from mail_bridge.filter.frames import MAX_INSERT_OCTETS, MAX_MESSAGE_OCTETS, read_answer

SIZES = st.integers(0, 2**32 - 1)
SPLICES = st.builds(Splice, SIZES, SIZES, st.binary(max_size=50))
ANSWERS = st.builds(
    Answer,
    st.sampled_from(Verdict),
    st.text("abcdefghijklmnopqrstuvwxyz_", max_size=255),
    st.lists(SPLICES, max_size=2).map(tuple),
)


class Octets:
    """Octets that are read as those of a connection are."""

    def __init__(self, octets: bytes) -> None:
        self._left = octets

    def read(self, size: int) -> bytes:
        if size > len(self._left):
            raise FrameInvalid("the end")
        taken, self._left = self._left[:size], self._left[size:]
        return taken


@given(
    recipient=st.text(st.characters(codec="utf-8"), min_size=1, max_size=320),
    message=st.binary(min_size=1),
)
def test_question_says_how_long_it_is(recipient: str, message: bytes) -> None:
    """Its head says where the recipient ends and where the message does."""
    octets = Question(recipient, message).octets()
    recipient_octets, message_octets = question_sizes(octets[:QUESTION_HEAD_OCTETS])
    rest = octets[QUESTION_HEAD_OCTETS:]

    assert rest[:recipient_octets].decode() == recipient
    assert rest[recipient_octets:] == message
    assert len(message) == message_octets


@pytest.mark.parametrize(
    ("recipient", "message"),
    [
        ("", b"x"),
        ("a" * 1_281, b"x"),
        ("\udcff@example.org", b"x"),
        ("a@example.org", b""),
        ("a@example.org", bytes(MAX_MESSAGE_OCTETS + 1)),
    ],
    ids=["no recipient", "long recipient", "not utf-8", "no message", "large message"],
)
def test_question_that_nobody_could_answer_is_not_asked(recipient: str, message: bytes) -> None:
    """It is refused before it is sent, with its reason."""
    with pytest.raises(FrameInvalid):
        Question(recipient, message).octets()


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP"[:QUESTION_HEAD_OCTETS],
        struct.pack("!4sHI", b"eof2", 5, 5),
        struct.pack("!4sHI", b"eof1", 1_281, 5),
        struct.pack("!4sHI", b"eof1", 5, MAX_MESSAGE_OCTETS + 1),
        struct.pack("!4sHI", b"eof1", 0, 5),
    ],
)
def test_head_that_is_none_is_refused(head: bytes) -> None:
    """Nothing is read of what is not of the protocol, or above its limits."""
    with pytest.raises(FrameInvalid):
        question_sizes(head)


@given(ANSWERS)
def test_answer_comes_back_as_it_was(answer: Answer) -> None:
    """What the bridge says is what the filter reads."""
    assert read_answer(Octets(answer.octets()).read) == answer


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"250 2.0.0 Ok\r\n",
        struct.pack("!4sBBB", b"eof2", 0, 0, 0),
        struct.pack("!4sBBB", b"eof1", 7, 0, 0),
        struct.pack("!4sBBB", b"eof1", 0, 0, 3),
        struct.pack("!4sBBB", b"eof1", 0, 200, 0),
        struct.pack("!4sBBBIII", b"eof1", 0, 0, 1, 0, 0, MAX_INSERT_OCTETS + 1),
    ],
)
def test_answer_that_is_none_is_refused(octets: bytes) -> None:
    """A filter takes no word of what is not of the protocol."""
    with pytest.raises(FrameInvalid):
        read_answer(Octets(octets).read)
