"""`mail-bridge filter` as programs start it, with a bridge's socket beside it."""

import asyncio
import contextlib
import os
import socket
import stat
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest

from mail_bridge.filter import Answer, Question, Splice, Verdict
from mail_bridge.filter.frames import MAX_MESSAGE_OCTETS
from mail_bridge.filter_socket import serving_filters
from service_runtime.listen import ListenError

MESSAGE: Final = b"From: a@example.org\nSubject: LF alone\n\n<p>Hello \xff\x00 \r\n.\n"
INSERT: Final = b"<img>"
END: Final = MESSAGE.index(b".\n")

Run = tuple[int, bytes, str]


async def tracked(question: Question) -> Answer:
    """Put a pixel where the test wants it."""
    assert question == Question("anna@example.org", MESSAGE)
    return Answer(Verdict.TRACKED, "", (Splice(0, 5, b""), Splice(END, 0, INSERT)))


def answering(answer: Answer) -> Callable[[Question], Awaitable[Answer]]:
    async def answered(_: Question) -> Answer:
        return answer

    return answered


async def run(path: Path, *options: str, message: bytes = MESSAGE) -> Run:
    """Run the filter; return its status, what it wrote, and what it said."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("mail-bridge"),
        *("filter", "--recipient=anna@example.org", f"--socket={path}", *options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, said = await process.communicate(message)
    assert process.returncode is not None
    return process.returncode, out, said.decode()


def status_of(path: Path) -> os.stat_result:
    return path.stat()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "filter"


async def test_copy_has_what_the_bridge_says(path: Path) -> None:
    """Everything else comes out as it went in, octet by octet, and nothing is said."""
    async with serving_filters(path, tracked):
        ran = await run(path)

    assert ran == (0, MESSAGE[5:END] + INSERT + MESSAGE[END:], "")


async def test_untracked_message_passes(path: Path) -> None:
    """A message that can have no pixel passes, and why is said; a script may ask for a status."""
    answer = Answer(Verdict.UNTRACKED, "no_html_part", (Splice(0, 5, b""),))
    async with serving_filters(path, answering(answer)):
        usual = await run(path, "--when-untracked=defer")
        asked = await run(path, "--untracked-status=3")

    assert usual == (0, MESSAGE[5:], "mail-bridge filter: untracked: no_html_part\n")
    assert asked == (3, *usual[1:])


@pytest.mark.parametrize(
    "answer",
    [
        Answer(Verdict.FAILED, "injector_away"),
        Answer(Verdict.TRACKED, "", (Splice(len(MESSAGE), 1, INSERT),)),
        Answer(Verdict.TRACKED, "", (Splice(9, 0, INSERT), Splice(8, 0, INSERT))),
    ],
    ids=["failed", "of another message", "out of order"],
)
async def test_message_passes_when_tracking_fails(answer: Answer, path: Path) -> None:
    """The octets that came go out; or none, to be tried again, if that is wanted."""
    async with serving_filters(path, answering(answer)):
        status, out, said = await run(path)
        deferred = await run(path, "--when-untracked=defer")

    assert (status, out) == (0, MESSAGE)
    assert said.startswith("mail-bridge filter: untracked: ")
    assert deferred[:2] == (75, b"")


async def test_message_passes_without_a_bridge(path: Path) -> None:
    """No socket, or one that nobody answers at: the message comes out as it went in."""
    nowhere = await run(path)
    deferred = await run(path, "--when-untracked=defer")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        unanswered = await run(path, "--deadline=0.2")

    assert nowhere[:2] == unanswered[:2] == (0, MESSAGE)
    assert deferred[:2] == (75, b"")
    assert unanswered[2].endswith("did not answer in time\n")


async def test_message_passes_when_the_bridge_talks_nonsense(path: Path) -> None:
    """What is no answer of the protocol is none."""

    async def nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    async with await asyncio.start_unix_server(nonsense, path):
        ran = await run(path)

    assert ran[:2] == (0, MESSAGE)


async def test_fault_of_the_bridge_holds_no_mail_up(path: Path) -> None:
    """An answer that is never made is said to be none at once."""

    async def broken(_: Question) -> Answer:
        raise RuntimeError

    async with serving_filters(path, broken):
        ran = await run(path)

    assert ran == (0, MESSAGE, "mail-bridge filter: untracked: bridge_error\n")


async def test_message_of_several_recipients_passes(path: Path) -> None:
    """One copy for several is not tracked, because nobody could tell who opened it."""
    async with serving_filters(path, tracked):
        ran = await run(path, "--recipient=ben@example.org")

    assert ran[:2] == (0, MESSAGE)


@pytest.mark.parametrize("size", [0, MAX_MESSAGE_OCTETS + 2_000_000], ids=["empty", "large"])
async def test_message_of_any_size_passes(size: int, path: Path) -> None:
    """What is too large to ask about, and what is empty, comes out as it went in."""
    message = MESSAGE[:size] + bytes(max(0, size - len(MESSAGE)))
    async with serving_filters(path, tracked):
        status, out, _ = await run(path, "--when-untracked=defer", message=message)

    assert status == 0
    assert out == message


async def test_output_that_nobody_reads_is_an_error(path: Path) -> None:
    """Then the status is 74, and whoever started the filter knows that mail has not passed."""
    reading, writing = os.pipe()
    os.close(reading)
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("mail-bridge"),
        *("filter", "--recipient=anna@example.org", f"--socket={path}"),
        stdin=asyncio.subprocess.PIPE,
        stdout=writing,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(writing)
    _, said = await process.communicate(MESSAGE)

    assert process.returncode == 74
    assert said.decode().splitlines()[-1].startswith("mail-bridge filter: standard input or output")


async def test_nothing_is_said_into_the_message(path: Path) -> None:
    """Where standard error goes with standard output, as in Exim, the message is alone there."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("mail-bridge"),
        *("filter", "--recipient=anna@example.org", f"--socket={path}"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate(MESSAGE)

    assert (process.returncode, out) == (0, MESSAGE)


async def test_socket_is_its_owners_alone(path: Path) -> None:
    """It has mode 0600, replaces one that nobody listens at, and is gone at the end."""
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    async with serving_filters(path, tracked):
        mode = stat.S_IMODE(status_of(path).st_mode)
        with pytest.raises(ListenError, match="taken"):
            await contextlib.AsyncExitStack().enter_async_context(serving_filters(path, tracked))
        ran = await run(path)

    assert mode == 0o600
    assert ran[0] == 0
    with pytest.raises(FileNotFoundError):
        status_of(path)


def test_socket_takes_no_others_place(path: Path) -> None:
    """A file that is there stays."""

    async def serve() -> None:
        async with serving_filters(path, tracked):
            pass

    path.write_text("mine")
    with pytest.raises(ListenError, match="something else is there"):
        asyncio.run(serve())

    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    "octets", [b"", b"GET / HTTP/1.1\r\n\r\n", b"eof1\0\3\0\0\0\1\xff\xff\xffx"]
)
async def test_what_is_no_question_gets_no_answer(octets: bytes, path: Path) -> None:
    """The connection ends, and others are answered."""
    async with serving_filters(path, tracked):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(octets)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        ran = await run(path)

    assert answer == b""
    assert ran[0] == 0


async def test_nothing_slow_is_loaded() -> None:
    """Neither gRPC nor what reads the other commands' options, nor an event loop."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import mail_bridge.cli.start, sys; print(*sys.modules)",
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    loaded = set(out.decode().split())

    assert "mail_bridge.filter" in loaded
    assert loaded.isdisjoint({"asyncio", "click", "dataclasses", "grpc", "structlog"})
