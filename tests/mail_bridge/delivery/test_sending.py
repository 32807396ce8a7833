"""Copies that are given up: whoever is known to have the message is not sent it again."""

import asyncio
from collections.abc import Sequence

from mail_bridge.delivery.sending import GIVEN_UP, Sending
from mail_bridge.next_hop import Copy
from mail_bridge.smtp import Message, Reply

TAKEN = Reply(250, (b"2.0.0 Ok",))


def a_copy(recipients: int) -> Copy:
    return Copy(mail=b"", recipients=[b""] * recipients, message=Message(b""))


async def test_copy_that_was_answered_for_stays_so_when_others_are_given_up() -> None:
    """A slower copy before it, and one that has not begun, do not take its answer away."""
    slow = a_copy(1)

    async def send(copy: Copy) -> Sequence[Reply]:
        if copy is slow:
            await asyncio.Event().wait()
        return [TAKEN]

    copies = [(slow, [0]), (a_copy(1), [1]), (slow, [2]), (slow, [3])]
    sending = Sending(send, copies, most=2)
    assert await sending.reply(1) == TAKEN
    await sending.stop()

    replies = [await sending.reply(place) for place in range(4)]
    assert replies == [GIVEN_UP, TAKEN, GIVEN_UP, GIVEN_UP]


async def test_recipients_of_one_copy_keep_what_the_next_hop_said_of_them() -> None:
    """A next hop that speaks LMTP has an answer for each of those who share a copy."""
    has_said = asyncio.Event()

    async def send(copy: Copy) -> Sequence[Reply]:
        copy.answers[0] = TAKEN
        has_said.set()
        await asyncio.Event().wait()
        return copy.replies()

    sending = Sending(send, [(a_copy(2), [0, 1])], most=1)
    await has_said.wait()
    await sending.stop()

    assert [await sending.reply(place) for place in range(2)] == [TAKEN, GIVEN_UP]


async def test_copies_that_were_never_begun_are_given_up() -> None:
    """Nothing is sent of what is stopped at once, and everybody has an answer."""

    async def send(copy: Copy) -> Sequence[Reply]:
        raise AssertionError(copy)

    sending = Sending(send, [(a_copy(2), [1, 0])], most=1)
    await sending.stop()

    assert [await sending.reply(place) for place in range(2)] == [GIVEN_UP] * 2
