"""Makes the service forget somebody: everything that this machine holds of their opens."""

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable

from pixel_service.notification import Matches, matches_message, matches_recipient
from pixel_service.open_log import Erased, OpenLog, OutsideLog, message_key


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whose opens are erased."""

    matches: Matches
    """Tells it from a notification."""

    message_keys: tuple[bytes, ...] = ()
    """Tells it where there is no notification."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What was erased until now, and what could not be reached."""

    erased: Erased
    outside: OutsideLog
    """Opens that are not in the log, so that nobody has looked at them."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Eraser:
    """Erases opens, wherever they are held."""

    open_log: OpenLog
    bring_in: Callable[[], Awaitable[OutsideLog]]
    """Brings everything that is recorded into the log first; returns what is not there then.

    Takes at most some ten seconds.
    """

    async def erase(self, target: Target) -> AsyncIterator[Erasure]:
        """Erase the opens of *target*, as long as this is iterated; see `OpenLog.erase`.

        Raises:
            LogUnavailable: the log does not answer.  Erasing again erases the rest.
        """
        outside = await self.bring_in()
        async for erased in self.open_log.erase(target.matches, message_keys=target.message_keys):
            yield Erasure(erased=erased, outside=outside)


def opens_of_recipient(mailbox: str) -> Target:
    """Return what erases the opens of messages to *mailbox*.

    Raises:
        ValueError: there is no address in it.
    """
    return Target(matches=matches_recipient(mailbox))


def opens_of_message(message_id: str) -> Target:
    """Return what erases the opens of the message *message_id*.

    Raises:
        ValueError: no message has such an ID.
    """
    return Target(matches=matches_message(message_id), message_keys=(message_key(message_id),))
