"""The copies of one message on their way, some at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

import structlog

from mail_bridge.delivery.copies import Places
from mail_bridge.next_hop import Copy
from mail_bridge.smtp import Reply
from service_runtime.frames import frames_of

Send = Callable[[Copy], Awaitable[Sequence[Reply]]]

# For whom nobody knows, because nobody waits any more.
GIVEN_UP: Final = Reply(451, (b"4.3.0 Given up before the next hop has answered; come again",))

logger = structlog.get_logger()


class Sending:
    """Sends copies, and has an answer for each recipient in the end."""

    def __init__(self, send: Send, copies: Iterable[tuple[Copy, Places]], *, most: int) -> None:
        """Begin.

        Args:
            send: sends one copy.
            copies: what is sent, and the places of each copy's recipients among all.
            most: how many at once.
        """
        self._send = send
        self._room = asyncio.Semaphore(most)
        self._tasks: list[asyncio.Task[Sequence[Reply]]] = []
        self._of_place: dict[int, tuple[asyncio.Task[Sequence[Reply]], Copy, int]] = {}
        for copy, places in copies:
            task = asyncio.create_task(self._sent(copy))
            self._tasks.append(task)
            for nth, place in enumerate(places):
                self._of_place[place] = task, copy, nth

    async def reply(self, place: int) -> Reply:
        """Return the answer for the recipient at *place*, once it is known or was given up."""
        task, copy, nth = self._of_place[place]
        await asyncio.wait((task,))
        return (copy.replies(GIVEN_UP) if task.cancelled() else task.result())[nth]

    async def stop(self) -> None:
        """Send nothing more: copies of which not everything is sent are not delivered."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _sent(self, copy: Copy) -> Sequence[Reply]:
        async with self._room:
            try:
                return await self._send(copy)
            except Exception as error:  # noqa: BLE001 - the edge: the client gets its answers
                logger.error(  # noqa: TRY400 - a traceback may hold what is in the message
                    "copy not sent", error=type(error).__name__, frames=frames_of(error)
                )
                return copy.replies()
