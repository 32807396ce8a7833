"""Copies reach the next hop as they are, and what it says of them is the answer."""

import asyncio
from collections.abc import Sequence

import pytest

from mail_bridge.next_hop import AWAY, NextHopProtocol
from mail_bridge.smtp import Change, Reply
from tests.mail_bridge.a_next_hop import END, ANextHop, Instead
from tests.mail_bridge.next_hop.copies import TEXT, a_copy, a_pool

# Looks of a hundredth of a second each: a test that waits for longer has failed.
MANY = 3_000

NOBODY = b"550-5.1.1 Nobody\r\n550 5.1.1  of that name\xff"
REFUSED = Reply(550, (b"5.1.1 Nobody", b"5.1.1  of that name\xff"))


async def test_copy_arrives_as_it_is() -> None:
    """Commands come verbatim, and the message octet by octet, with its changes."""
    hop = ANextHop()
    async with a_pool(hop) as pool:
        copy = a_copy(
            b"TO:<B@Example.org> NOTIFY=NEVER ORCPT=rfc822;b+2B@example.org",
            changes=[Change(14, 15, b"."), Change(20, 20, b"\r\n.<img>")],
        )
        (reply,) = await pool.send(copy)

    (received,) = hop.received
    assert reply == Reply(250, (b"2.0.0 Ok",))
    assert received.mail == b"FROM:<a@example.org> BODY=8BITMIME"
    assert received.recipients == [b"TO:<B@Example.org> NOTIFY=NEVER ORCPT=rfc822;b+2B@example.org"]
    assert received.message == TEXT[:14] + b"." + TEXT[15:20] + b"\r\n.<img>" + TEXT[20:]


@pytest.mark.parametrize("extensions", [(b"PIPELINING",), (b"8BITMIME",)])
async def test_connection_is_kept_for_the_next_message(extensions: tuple[bytes, ...]) -> None:
    """A message needs no connection of its own, whether commands may go ahead or not."""
    hop = ANextHop(extensions=extensions)
    async with a_pool(hop) as pool:
        for _ in range(3):
            assert [each.code for each in await pool.send(a_copy())] == [250]

    assert hop.connections == 1
    assert [each.message for each in hop.received] == [TEXT] * 3
    assert b"RSET" not in hop.commands


@pytest.mark.parametrize("extensions", [(b"PIPELINING",), (b"8BITMIME",)])
async def test_connection_that_has_had_its_messages_is_replaced(
    extensions: tuple[bytes, ...],
) -> None:
    """Where a server takes so many messages a connection, the next ones have another."""
    full = b"452 4.5.1 Too many messages sent"
    hop = ANextHop({b"MAIL": [b"250 Ok", full, b"250 Ok"]}, extensions=extensions)
    async with a_pool(hop) as pool:
        codes = [(await pool.send(a_copy()))[0].code for _ in range(3)]

    assert codes == [250] * 3
    assert hop.connections == 2
    assert [each.message for each in hop.received] == [TEXT] * 3


async def test_sender_that_is_deferred_is_so_over_a_new_connection_too() -> None:
    """What is said to MAIL twice is the answer, and the connection is not used again."""
    deferred = b"451 4.7.1 Greylisted"
    hop = ANextHop({b"MAIL": [b"250 Ok", deferred, deferred, b"250 Ok"]})
    async with a_pool(hop) as pool:
        replies = [(await pool.send(a_copy()))[0] for _ in range(3)]

    assert [each.code for each in replies] == [250, 451, 250]
    assert replies[1] == Reply(451, (b"4.7.1 Greylisted",))
    assert hop.connections == 3


@pytest.mark.guarantee("G10", "passes refusals on as they were said")
@pytest.mark.parametrize("verb", [b"MAIL", b"RCPT", b"DATA", END])
@pytest.mark.parametrize("extensions", [(b"PIPELINING",), (b"8BITMIME",)])
async def test_refusal_is_the_answer_with_all_its_lines(
    verb: bytes, extensions: tuple[bytes, ...]
) -> None:
    """What the next hop refuses is passed on as it said it, and the next message arrives."""
    ordinary: bytes = b"354 Go on" if verb == b"DATA" else b"250 Ok"
    hop = ANextHop({verb: [NOBODY, ordinary]}, extensions=extensions)
    async with a_pool(hop) as pool:
        refused = await pool.send(a_copy())
        taken = await pool.send(a_copy())

    assert refused == [REFUSED]
    assert [each.code for each in taken] == [250]
    assert hop.connections == 1
    assert hop.received[-1].message == TEXT


@pytest.mark.parametrize("verb", [b"MAIL", b"RCPT"])
@pytest.mark.parametrize(
    ("extensions", "refusal", "expected"),
    [
        ((b"PIPELINING",), b"555 5.5.4 What", 451),
        ((b"PIPELINING",), b"550 5.1.1 Nobody", 550),
        ((b"PIPELINING", b"8BITMIME", b"DSN"), b"555 5.5.4 What", 555),
    ],
)
async def test_parameter_of_an_extension_that_is_gone_is_no_refusal_for_good(
    verb: bytes, extensions: tuple[bytes, ...], refusal: bytes, expected: int
) -> None:
    """The client was told of it earlier: it comes again, and hears what is announced now."""
    hop = ANextHop({verb: refusal}, extensions=extensions)
    async with a_pool(hop) as pool:
        (reply,) = await pool.send(a_copy(b"TO:<b@example.org> NOTIFY=NEVER"))

    assert reply.code == expected


async def test_refused_recipient_is_nobody_elses_refusal() -> None:
    """Each recipient of a shared copy has an answer of its own."""
    hop = ANextHop({b"RCPT": [b"250 Ok", NOBODY, b"452 4.2.2 Full", b"250 Ok"]})
    async with a_pool(hop) as pool:
        replies = await pool.send(a_copy(*(b"TO:<%d@example.org>" % n for n in range(4))))

    (received,) = hop.received
    assert [each.code for each in replies] == [250, 550, 452, 250]
    assert received.recipients == [b"TO:<0@example.org>", b"TO:<3@example.org>"]


async def test_nobody_gets_what_not_everybody_gets() -> None:
    """A client that gets one answer for all is told of a refusal, and nothing is delivered."""
    hop = ANextHop({b"RCPT": [b"250 Ok", NOBODY, b"452 4.2.2 Full", b"250 Ok"]})
    async with a_pool(hop) as pool:
        to = [b"TO:<%d@example.org>" % n for n in range(4)]
        refused = await pool.send(a_copy(*to, all_or_none=True))
        taken = await pool.send(a_copy(*to, all_or_none=True))

    assert refused == [Reply(452, (b"4.2.2 Full",))] * 4
    assert [each.code for each in taken] == [250] * 4
    assert [len(each.recipients) for each in hop.received] == [4]


async def test_lmtp_answers_for_each_recipient() -> None:
    """After the message a server of LMTP says for each recipient what became of it."""
    hop = ANextHop({END: [b"250 Ok", b"451 4.2.1 Later", NOBODY]}, is_lmtp=True)
    async with a_pool(hop, protocol=NextHopProtocol.LMTP) as pool:
        replies = await pool.send(a_copy(*(b"TO:<%d@example.org>" % n for n in range(3))))

    assert hop.commands[0] == b"LHLO bridge.example"
    assert replies == [Reply(250, (b"Ok",)), Reply(451, (b"4.2.1 Later",)), REFUSED]


async def test_what_is_known_stays_known() -> None:
    """Who was answered for before a connection failed keeps the answer; others are unknown."""
    hop = ANextHop(
        {b"RCPT": [b"250 Ok", NOBODY, b"250 Ok"], END: [b"250 Ok", Instead.CLOSED]}, is_lmtp=True
    )
    async with a_pool(hop, protocol=NextHopProtocol.LMTP) as pool:
        replies = await pool.send(a_copy(*(b"TO:<%d@example.org>" % n for n in range(3))))

    assert replies == [Reply(250, (b"Ok",)), REFUSED, AWAY]


async def test_copy_that_is_given_up_says_what_is_known() -> None:
    """Who was answered for before it was given up keeps the answer; others have none."""
    hop = ANextHop(
        {b"RCPT": [b"250 Ok", NOBODY, b"250 Ok"], END: [b"250 Ok", Instead.SILENCE]}, is_lmtp=True
    )
    copy = a_copy(*(b"TO:<%d@example.org>" % n for n in range(3)))
    async with a_pool(hop, protocol=NextHopProtocol.LMTP) as pool:
        sending = asyncio.create_task(pool.send(copy))
        for _ in range(MANY):
            if copy.answers[0] is not None:
                break
            await asyncio.sleep(0.01)
        sending.cancel()
        await asyncio.wait([sending])
        # Its connection.
        await hop.closed.acquire()

    assert sending.cancelled()
    assert copy.answers == [Reply(250, (b"Ok",)), REFUSED, None]


async def test_origin_is_said_for_each_message() -> None:
    """XFORWARD goes before MAIL, and a refusal of it changes nothing."""
    hop = ANextHop({b"XFORWARD": b"550 5.7.1 Not you"})
    xforward = [b"NAME=client.example ADDR=192.0.2.1", b"IDENT=4F1"]
    async with a_pool(hop) as pool:
        replies = await pool.send(a_copy(xforward=xforward))

    assert [each.code for each in replies] == [250]
    assert hop.commands[1:4] == [
        *(b"XFORWARD " + each for each in xforward),
        b"MAIL FROM:<a@example.org> BODY=8BITMIME",
    ]


@pytest.mark.parametrize(
    "message",
    [b"no end", b"lone\nline\r\n", b"a\r\n\r\n\n.\n\r\nMAIL FROM:<x>\r\n", b"lone\rCR\r\n"],
)
async def test_what_data_cannot_carry_goes_by_chunk(message: bytes) -> None:
    """No server can take a lone CR or LF for the end of a message; and none gets an end more."""
    hop = ANextHop()
    async with a_pool(hop) as pool:
        replies = await pool.send(a_copy(message=message, changes=[Change(1, 1, b"<img>")]))

    (received,) = hop.received
    assert [each.code for each in replies] == [250]
    assert received.message == message[:1] + b"<img>" + message[1:]
    assert b"BDAT %d LAST" % (len(message) + 5) in hop.commands


@pytest.mark.parametrize(
    ("message", "changes"),
    [(b"a\n.\nMAIL FROM:<x>\r\n", ()), (b"a\nX: y\r\n.\r\nb\r\n", [Change(2, 8, b"")])],
)
async def test_no_end_more_goes_to_a_next_hop_that_takes_no_chunks_any_more(
    message: bytes, changes: Sequence[Change]
) -> None:
    """The session in front was told of chunks that are gone: nothing goes, and it comes again."""
    hop = ANextHop(extensions=(b"PIPELINING",))
    async with a_pool(hop) as pool:
        assert await pool.send(a_copy(message=message, changes=changes)) == [AWAY]
        assert [each.code for each in await pool.send(a_copy(message=b"lone\nLF\r\n"))] == [250]

    assert [each.message for each in hop.received] == [b"lone\nLF\r\n"]


async def test_message_without_a_last_line_end_gets_one_where_there_are_no_chunks() -> None:
    """DATA has no other way to end a message."""
    hop = ANextHop(extensions=(b"PIPELINING",))
    async with a_pool(hop) as pool:
        await pool.send(a_copy(message=b"no end"))

    assert [each.message for each in hop.received] == [b"no end\r\n"]


async def test_large_message_arrives_in_blocks() -> None:
    """Whatever is more than one block comes as it is, also around a change."""
    message = (b"." + b"x" * 70 + b"\r\n") * 20_000
    change = Change(700_001, 700_002, b"<img>")
    hop = ANextHop()
    async with a_pool(hop) as pool:
        replies = await pool.send(a_copy(message=message, changes=[change]))

    assert [each.code for each in replies] == [250]
    assert hop.received[0].message == message[:700_001] + b"<img>" + message[700_002:]
