"""What comes in goes on with every octet."""

import random
from collections.abc import Awaitable, Callable

import pytest

from mail_bridge.front import FrontProtocol
from mail_bridge.smtp import Extensions
from tests.mail_bridge.front.recording import DELIVERED, StatedNextHop, running_front
from tests.mail_bridge.talking_client import TalkingClient, talking_to, with_dots

ENVELOPE = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\n"

MESSAGES = [
    b"",
    b"\r\n",
    b"Subject: \xff\xfe\x80\r\n\r\n\x00 NUL, \x00\x00\r\n",
    b"\r\n" + b"x" * 2_000 + b"\r\n" + b"y" * 100_000 + b"\r\n",
    b"A:  b  \r\nC:\td\t\r\n\r\n trailing \t \r\n\r\n\r\n",
    b".\r\n..\r\n...\r\n.a\r\n. \r\n.\x00\r\n",
    b"lone \r CR, lone \n LF, \r\r\n, \n\r\n, \r\n\n\r\n",
    b"a\n.\nb\r\n",
    b"a\r\n.\nb\r.\rc\n.\r\nMAIL FROM:<smuggled@example.com>\r\nRCPT TO:<x@y>\r\nDATA\r\nx\r\n",
    random.Random(1).randbytes(300_000) + b"\r\n",  # noqa: S311 - chance that can be repeated
]


async def send_data(client: TalkingClient, message: bytes) -> None:
    """Send *message* after DATA."""
    assert [(await client.ask(line)).code for line in ENVELOPE.splitlines()] == [250, 250]
    assert (await client.ask(b"DATA")).code == 354
    await client.say(with_dots(message))


async def send_chunks(client: TalkingClient, message: bytes) -> None:
    """Send *message* by BDAT, all commands at once."""
    half = len(message) // 2
    first, last = message[:half], message[half:]
    chunks = (b"BDAT %d\r\n%b" % (len(first), first), b"BDAT %d LAST\r\n%b" % (len(last), last))
    await client.say(ENVELOPE + b"".join(chunks))
    assert [(await client.reply()).code for _ in range(3)] == [250, 250, 250]


@pytest.mark.parametrize("protocol", list(FrontProtocol))
@pytest.mark.parametrize("send", [send_data, send_chunks])
async def test_messages_arrive_as_they_were_sent(
    send: Callable[[TalkingClient, bytes], Awaitable[None]], protocol: FrontProtocol
) -> None:
    """8-bit, NUL, dots, long lines, blanks, lone CR and LF: all of them on one connection."""
    greeting = b"LHLO c" if protocol is FrontProtocol.LMTP else b"EHLO c"
    async with (
        running_front(protocol) as front,
        talking_to(front.host, front.port, greets_with=greeting) as client,
    ):
        for message in MESSAGES:
            await send(client, message)
            assert await client.reply() == DELIVERED
        assert (await client.ask(b"NOOP")).code == 250

    assert front.delivery.messages == MESSAGES


async def test_message_that_another_server_might_end_early_is_refused_where_it_could_be() -> None:
    """A next hop that takes messages by DATA alone gets none that a lenient server would cut."""
    next_hop = StatedNextHop(Extensions())
    async with (
        running_front(next_hop=next_hop) as front,
        talking_to(front.host, front.port) as client,
    ):
        refused = await client.send(b"a\n.\nMAIL FROM:<x@y>\r\n", b"a@b.example", b"c@d.example")
        taken = await client.send(b"a\r\n..\nb\r\n")
        counted = front.counted("refused_messages_total", reason="end_unclear")

    assert [each.code for each in refused] == [554, 554]
    assert refused[0].lines[0].startswith(b"5.6.0 ")
    assert taken == [DELIVERED]
    assert front.delivery.messages == [b"a\r\n.\nb\r\n"]
    assert counted == 1
