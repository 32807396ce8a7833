"""A message is handed on, and the client hears what became of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

import structlog

from mail_bridge.front.wire import Wire
from mail_bridge.smtp import Reply
from mail_bridge.transaction import Answers, Delivery, OwnConnection, Transaction
from service_runtime.frames import frames_of

# Clients wait 10 minutes for the answer to a message (RFC 5321 section 4.5.3.2.6), and with
# LMTP for each recipient's. Who delivers has limits of its own, which are shorter.
_ANSWER_SECONDS: Final = 570.0

logger = structlog.get_logger()


async def hand_on(
    transaction: Transaction,
    *,
    wire: Wire,
    delivery: Delivery,
    connection: OwnConnection | None,
) -> None:
    """Deliver a message, and say what became of it: once, or for each recipient with LMTP.

    If it is cancelled, which ends the grace of a server that stops, the client still hears what
    is known by then.

    Raises:
        Disconnected: the client is gone; what was not on its way by then stays.
    """
    found = delivery.deliver(transaction, connection=connection)
    replies = []
    try:
        async for reply in _known(found, len(transaction.recipients)):
            replies.append(reply)
            if not transaction.has_one_answer:
                wire.say(reply)
                if len(replies) < len(transaction.recipients):
                    await wire.flush()
    finally:
        rest = await found.give_up()
        said = [_answer_for_all([*replies, *rest])] if transaction.has_one_answer else rest
        for reply in said:
            wire.say(reply)


async def _known(found: Answers, count: int) -> AsyncIterator[Reply]:
    """Yield *count* answers, or fewer if there is a fault."""
    for _ in range(count):
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                reply = await found.following()
        except Exception as error:  # noqa: BLE001 - the edge: the client gets its answers
            # None of these is said to happen; mail stays with the client if one does.
            logger.error(  # noqa: TRY400 - no traceback: its values may be of a message
                "delivery failed", error=type(error).__name__, frames=frames_of(error)
            )
            return
        yield reply


def _answer_for_all(replies: Sequence[Reply]) -> Reply:
    """Return the one answer that loses nothing: that somebody has not got it, if so."""
    refusals = [each for each in replies if not each.is_positive]
    return min(refusals, key=lambda each: each.code, default=replies[0])
