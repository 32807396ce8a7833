"""One client's session: its commands, one after the other (RFC 5321, RFC 2033)."""

import asyncio
from typing import Final

import structlog

from mail_bridge.front import answers
from mail_bridge.front.commands import Commands
from mail_bridge.front.farewell import Farewell
from mail_bridge.front.served import Served
from mail_bridge.front.wire import Disconnected, LineTooLong, LineWithoutEnd, Wire
from mail_bridge.smtp import Reply
from service_runtime.frames import frames_of

# RFC 5321 section 4.5.3.2.7.
_COMMAND_SECONDS: Final = 300.0

# What goes on after so many is no mail client (Postfix: smtpd_hard_error_limit).
_MOST_ERRORS: Final = 20

_PERMANENT: Final = 5

logger = structlog.get_logger()


class Session:
    """Obeys a client until it goes, or has to."""

    def __init__(self, wire: Wire, served: Served) -> None:
        self._wire = wire
        self._served = served
        self._commands = Commands(wire, served)
        self._errors = 0
        self._is_draining = False
        self._wait: asyncio.Timeout | None = None

    async def run(self) -> None:
        """Speak with the client.  Never raises, unless it is cancelled."""
        try:
            await self._converse()
        except Farewell as farewell:
            self._end(farewell.reply, farewell.reason)
            if farewell.interrupts:
                self._commands.forget()
                await self._wire.pass_over_rest()
        except Disconnected:
            pass
        except TimeoutError:
            if self._is_draining:
                self._end(answers.CLOSING, "stopping")
            else:
                self._end(answers.TIMED_OUT, "timeout")
        except asyncio.CancelledError:
            self._end(answers.CLOSING, "stopping")
            raise
        except Exception as error:  # noqa: BLE001 - the edge: one client's session, and no other's
            logger.error(  # noqa: TRY400 - no traceback: its values may be of a message
                "session failed", error=type(error).__name__, frames=frames_of(error)
            )
            self._end(answers.FAILED, "fault")
        finally:
            self._wire.close()
            await self._commands.close()

    def drain(self) -> None:
        """End the session as soon as no message is being sent."""
        self._is_draining = True
        wait = self._wait
        if wait is not None and not wait.expired() and not self._commands.is_sending:
            # At a time that is over: the wait ends now.
            wait.reschedule(0)

    async def _converse(self) -> None:
        self._wire.say(self._commands.greeting())
        while True:
            if self._is_draining and not self._commands.is_sending:
                raise Farewell(answers.CLOSING, "stopping")
            try:
                reply = await self._commands.obey(await self._line())
            except LineTooLong:
                reply = answers.LINE_TOO_LONG
            except LineWithoutEnd:
                raise Farewell(answers.NO_LINE_END, "line", interrupts=True) from None
            if reply is not None:
                self._wire.say(reply)
                self._count_error(reply)

    async def _line(self) -> bytes:
        """Return the next command's line; what was answered so far is sent before any wait."""
        if self._wire.has_gathered_much:
            await self._wire.flush()
            # Other sessions have their turn beside one that never lets us wait.
            await asyncio.sleep(0)
        if self._wire.has_line:
            return await self._wire.line()
        await self._wire.flush()
        async with asyncio.timeout(_COMMAND_SECONDS) as wait:
            self._wait = wait
            try:
                return await self._wire.line()
            finally:
                self._wait = None

    def _count_error(self, reply: Reply) -> None:
        if reply.code // 100 == _PERMANENT:
            self._errors += 1
            if self._errors == _MOST_ERRORS:
                raise Farewell(answers.TOO_MANY_ERRORS, "errors", interrupts=True)

    def _end(self, reply: Reply, reason: str | None) -> None:
        self._wire.say(reply)
        if reason is not None:
            self._served.metrics.session_ended(reason)
            logger.info("session ended", reason=reason)
