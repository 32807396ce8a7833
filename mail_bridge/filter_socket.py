"""The socket over which `mail-bridge filter` asks a bridge that runs."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

import structlog

from mail_bridge.filter import (
    QUESTION_HEAD_OCTETS,
    Answer,
    FrameInvalid,
    Question,
    Verdict,
    question_sizes,
)
from service_runtime.frames import frames_of
from service_runtime.listen import ListenError, reason_of, require_free

Answering = Callable[[Question], Awaitable[Answer]]

# Questions that are read at once, each of 50 MiB at most. Whoever comes later waits, and passes
# the message as it is when the time is over.
MAX_QUESTIONS: Final = 8

# A filter has its message before it connects, and takes an answer of some hundred octets.
EXCHANGE_SECONDS: Final = 60.0

# Connections that the system keeps until they are accepted.
_BACKLOG: Final = 1_024

# Its owner's alone: whoever can ask makes pixels.
_MODE: Final = 0o600

logger = structlog.get_logger()


@contextlib.asynccontextmanager
async def serving_filters(path: Path, answer: Answering) -> AsyncIterator[None]:
    """Answer filters at the socket *path* during the block.

    Raises:
        ListenError: something is there, or cannot be.
    """
    places = asyncio.Semaphore(MAX_QUESTIONS)
    going_on: set[asyncio.Task[None]] = set()

    async def serve_in_turn(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with places:
            await _serve(reader, writer, answer)

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve_in_turn(reader, writer))
        going_on.add(task)
        task.add_done_callback(going_on.discard)

    server = await asyncio.start_unix_server(serve, sock=_listening(path))
    try:
        yield
    finally:
        # Filters that come now find nobody, and pass their messages as they are.
        _remove(path)
        server.close()
        if going_on:
            await asyncio.wait(going_on, timeout=EXCHANGE_SECONDS)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _listening(path: Path) -> socket.socket:
    require_free(f"unix:{path}")
    listening = socket.socket(socket.AF_UNIX)
    try:
        path.unlink(missing_ok=True)
        listening.bind(str(path))
        # Before it listens, so that nobody else connects meanwhile.
        path.chmod(_MODE)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise ListenError(f"cannot listen at unix:{path}: {reason_of(error)}") from error
    return listening


async def _serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answering
) -> None:
    """Answer one question; one that is none gets no answer, and its filter finds that out."""
    try:
        async with asyncio.timeout(EXCHANGE_SECONDS):
            question = await _read(reader)
            writer.write((await _answered(question, answer)).octets())
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError, FrameInvalid, UnicodeDecodeError, TimeoutError):
        # Whoever asked has gone, or never meant us.
        pass
    finally:
        writer.close()


async def _read(reader: asyncio.StreamReader) -> Question:
    head = await reader.readexactly(QUESTION_HEAD_OCTETS)
    recipient_octets, message_octets = question_sizes(head)
    recipient = await reader.readexactly(recipient_octets)
    return Question(recipient.decode(), await reader.readexactly(message_octets))


async def _answered(question: Question, answer: Answering) -> Answer:
    try:
        return await answer(question)
    except Exception as error:  # noqa: BLE001 - the edge: mail passes all the same
        logger.error(  # noqa: TRY400 - no traceback: its values may be of a message
            "filter failed", error=type(error).__name__, frames=frames_of(error)
        )
        return Answer(Verdict.FAILED, "bridge_error")
