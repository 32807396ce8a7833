"""Replies are passed on as they were said, and what is no reply is not taken for one."""

import pytest

from mail_bridge.smtp import Reply, ReplyMalformed, ReplyReader
from mail_bridge.smtp.reply import MAX_LINE_OCTETS, MAX_LINES


@pytest.mark.parametrize(
    "octets",
    [
        b"250 2.1.5 Ok\r\n",
        b"250-first\r\n250-  second \t\r\n250 third\xff\r\n",
        b"354 \r\n",
        b"550-5.7.1 no\r\n550 \r\n",
    ],
)
def test_reply_goes_out_as_it_came_in(octets: bytes) -> None:
    """All lines of a reply survive, with their blanks and whatever is not ASCII."""
    (reply,) = ReplyReader().feed(octets)

    assert reply.octets() == octets


def test_reply_may_come_in_pieces() -> None:
    """Where the network cuts a reply changes nothing."""
    reader = ReplyReader()
    octets = b"250-one\r\n250 two\r\n451 4.3.0 three\r\n"

    found = [reply for each in octets for reply in reader.feed(bytes([each]))]

    assert found == [Reply(250, (b"one", b"two")), Reply(451, (b"4.3.0 three",))]


def test_reply_without_a_text_is_one() -> None:
    """A code alone is a reply (RFC 5321 section 4.2), also from servers that send LF alone."""
    assert ReplyReader().feed(b"250\n") == [Reply(250, (b"",))]


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"25 short\r\n",
        b"250_no\r\n",
        b"250-one\r\n251 two\r\n",
        b"\r\n",
        b"x" * (MAX_LINE_OCTETS + 1),
        b"250 " + b"x" * MAX_LINE_OCTETS + b"\r\n",
        b"250-x\r\n" * (MAX_LINES + 1),
    ],
)
def test_what_is_no_reply_is_refused(octets: bytes) -> None:
    """A server that speaks something else, or without end, is noticed."""
    with pytest.raises(ReplyMalformed):
        ReplyReader().feed(octets)


def test_first_digit_says_what_a_reply_means() -> None:
    """2yz is done, 3yz wants more, 4yz and 5yz are neither."""
    meanings = {
        code: (Reply(code, (b"",)).is_positive, Reply(code, (b"",)).is_intermediate)
        for code in (250, 354, 451, 550)
    }

    assert meanings == {
        250: (True, False),
        354: (False, True),
        451: (False, False),
        550: (False, False),
    }
