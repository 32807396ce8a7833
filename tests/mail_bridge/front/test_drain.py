"""The planned end: idle sessions go, messages on their way are finished, nobody new comes in."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator

import pytest

from mail_bridge.front import FrontProtocol, FrontSettings, SeveralRecipients
from mail_bridge.smtp import Reply
from tests.mail_bridge.front.recording import DELIVERED, LATER, Front, running_front
from tests.mail_bridge.talking_client import talking_to

MAIL, RCPT = b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.net>"


class Ending:
    """A listener that ends when a test says so."""

    def __init__(self, front: Front, stack: contextlib.AsyncExitStack) -> None:
        self.front = front
        self._stack = stack
        self._end: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin the end."""
        self._end = asyncio.create_task(self._stack.aclose())

    async def is_over(self) -> None:
        """Wait for it."""
        assert self._end is not None
        await self._end


@contextlib.asynccontextmanager
async def ending_front(
    protocol: FrontProtocol = FrontProtocol.LMTP,
    *,
    settings: FrontSettings | None = None,
    grace: float = 30,
) -> AsyncIterator[Ending]:
    """Run a listener."""
    stack = contextlib.AsyncExitStack()
    front = await stack.enter_async_context(
        running_front(protocol, settings=settings, grace=dt.timedelta(seconds=grace))
    )
    ending = Ending(front, stack)
    try:
        yield ending
    finally:
        await stack.aclose()


async def test_idle_session_is_told_to_come_again() -> None:
    """It hears 421 at once, and the end waits for nothing else."""
    async with (
        ending_front() as ending,
        talking_to(ending.front.host, ending.front.port) as client,
    ):
        ending.begin()
        farewell = await client.reply()
        is_over = await client.is_over()
        await ending.is_over()

    assert (farewell.code, farewell.lines[0][:6]) == (421, b"4.3.2 ")
    assert is_over


async def test_message_that_has_begun_is_finished() -> None:
    """A client in the middle of a message goes on, and is told to come again after it."""
    async with (
        ending_front() as ending,
        talking_to(ending.front.host, ending.front.port) as client,
        talking_to(ending.front.host, ending.front.port) as idle,
    ):
        await client.ask(MAIL, RCPT)
        ending.begin()
        assert (await idle.reply()).code == 421
        await client.ask(b"DATA")
        delivered = await client.ask(b"Subject: x\r\n.")
        farewell = await client.reply()
        await ending.is_over()

    assert delivered == DELIVERED
    assert farewell.code == 421
    assert ending.front.delivery.messages == [b"Subject: x\r\n"]


async def test_message_that_is_being_delivered_is_answered() -> None:
    """What the next hop says still reaches the client, so that it sends nothing twice."""
    async with (
        ending_front() as ending,
        talking_to(ending.front.host, ending.front.port) as client,
    ):
        delivery = ending.front.delivery
        delivery.may_go_on.clear()
        await client.ask(MAIL, RCPT, b"DATA")
        await client.say(b"Subject: x\r\n.\r\n")
        await delivery.has_begun.wait()
        ending.begin()
        delivery.may_go_on.set()
        codes = [(await client.reply()).code for _ in range(2)]
        await ending.is_over()

    assert codes == [250, 421]


@pytest.mark.parametrize("octets", [b"", b"DATA\r\nSubject: x\r\n"])
async def test_client_that_stalls_does_not_hold_up_the_end(octets: bytes) -> None:
    """After the grace it is told to come again, whatever it was about to send."""
    async with (
        ending_front(grace=0.05) as ending,
        talking_to(ending.front.host, ending.front.port) as client,
    ):
        await client.ask(MAIL, RCPT)
        await client.say(octets)
        if octets:
            assert (await client.reply()).code == 354
        ending.begin()
        farewell = await client.reply()
        await ending.is_over()

    assert farewell.code == 421
    assert ending.front.delivery.messages == []


async def test_client_hears_what_is_known_at_the_end_of_the_grace() -> None:
    """An answer that waits behind another's is said, so that nobody gets the message twice."""
    async with (
        ending_front(grace=0.05) as ending,
        talking_to(ending.front.host, ending.front.port) as client,
    ):
        delivery = ending.front.delivery
        delivery.may_go_on.clear()
        delivery.known[1] = DELIVERED
        await client.ask(MAIL, RCPT, RCPT, RCPT, b"DATA")
        await client.say(b"Subject: x\r\n.\r\n")
        await delivery.has_begun.wait()
        ending.begin()
        replies = [await client.reply() for _ in range(4)]
        await ending.is_over()

    assert replies[:3] == [DELIVERED, LATER, DELIVERED]
    assert replies[3].code == 421


@pytest.mark.parametrize(("known", "expected"), [({1: DELIVERED}, 250), ({}, 451)])
async def test_one_answer_at_the_end_of_the_grace_loses_nothing(
    known: dict[int, Reply], expected: int
) -> None:
    """In SMTP it is that all have the message, if that is known, and else that it comes again."""
    settings = FrontSettings(several_recipients=SeveralRecipients.PASS)
    async with (
        ending_front(FrontProtocol.SMTP, settings=settings, grace=0.05) as ending,
        talking_to(ending.front.host, ending.front.port, greets_with=b"EHLO c") as client,
    ):
        delivery = ending.front.delivery
        delivery.may_go_on.clear()
        delivery.known = known
        await client.ask(MAIL, RCPT, RCPT, b"DATA")
        await client.say(b"Subject: x\r\n.\r\n")
        await delivery.has_begun.wait()
        ending.begin()
        codes = [(await client.reply()).code for _ in range(2)]
        await ending.is_over()

    assert codes == [expected, 421]


async def test_nobody_new_is_let_in() -> None:
    """Whoever connects now finds nobody, and tries again."""
    async with (
        ending_front() as ending,
        talking_to(ending.front.host, ending.front.port) as client,
    ):
        await client.ask(MAIL, RCPT)
        ending.begin()
        await client.ask(b"DATA", b"Subject: x\r\n.")
        await ending.is_over()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(ending.front.host, ending.front.port)
