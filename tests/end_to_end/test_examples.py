"""The programs that the README points at do what it says."""

# The stubs for asyncio are known to the type checker only.
from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from email import message_from_bytes
from pathlib import Path

import aiohttp
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from examples.pair import Pair, running_pair
from examples.pixel_url import pixel_url_of

ROOT = Path(__file__).parents[2]
NEWSLETTER = (ROOT / "examples/newsletter.eml").read_bytes()


class Inbox:
    """Keeps what an SMTP client sends."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        self.envelopes.append(envelope)
        return "250 OK"


@pytest.fixture
async def inbox() -> AsyncIterator[tuple[Inbox, str]]:
    """Run an SMTP server; give what it keeps and its address."""
    kept = Inbox()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(kept), "127.0.0.1", 0)
    async with server:
        yield kept, f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def start(program: str, *arguments: str, **environ: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "examples" / program),
        *arguments,
        env={**os.environ, **environ},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


def run(program: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, ROOT / "examples" / program, *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("program", ["pair.py", "send.py", "subscribe.py"])
def test_help_is_given_and_nothing_else_done(program: str, tmp_path: Path) -> None:
    """`--help` says what the program takes; it is no name of a file or folder to make."""
    done = run(program, "--help", folder=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: {program} ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("program", "arguments", "complaint"),
    [
        ("pair.py", ["one", "two"], "unrecognized arguments: two"),
        ("send.py", [], "required: CONFIGURATION_ID, SMTP_HOST:PORT"),
        ("send.py", ["news", "localhost"], "'localhost' is not of the form HOST:PORT"),
        ("subscribe.py", [], "required: CURSOR_FILE"),
        ("subscribe.py", ["gone/cursor"], "there is no folder gone"),
    ],
)
def test_wrong_arguments_are_explained(
    program: str, arguments: list[str], complaint: str, tmp_path: Path
) -> None:
    """What is missing or of no use is named, in a line and without a traceback."""
    done = run(program, *arguments, folder=tmp_path)

    assert done.returncode == 2
    assert done.stderr.rstrip().endswith(complaint)
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_message_without_an_image_has_no_url(tmp_path: Path) -> None:
    """An empty line would be taken for one."""
    done = run("pixel_url.py", folder=tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "pixel_url.py: the message on standard input has no image in an HTML part\n"
    )


def test_pair_says_so_if_somebody_is_at_its_address(ports: Pair, tmp_path: Path) -> None:
    """Nobody takes another service that answers there for the one that could not start."""
    port = int(ports.pixel.rpartition(":")[2])
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(SystemExit, match=f"somebody else is already at {ports.pixel}"),
        running_pair(ports, data=tmp_path),
    ):
        pass


async def test_refused_message_is_one_line(pair: Pair) -> None:
    """`send.py` says what the services and the message lack, and sends nothing."""
    for arguments, raw, complaint in (
        (["none", "127.0.0.1:1"], NEWSLETTER, "send.py: NOT_FOUND: "),
        (["none", "127.0.0.1:1"], b"", "send.py: standard input is not a message with From and To"),
    ):
        sender = await start("send.py", *arguments, EMAILOPENS_INJECTOR_TARGET=pair.injector)
        said, errors = await sender.communicate(raw)
        assert (sender.returncode, said) == (1, b"")
        assert errors.decode().startswith(complaint)
        assert len(errors.splitlines()) == 1


async def test_cursor_of_nothing_is_one_line(pair: Pair, tmp_path: Path) -> None:
    """`subscribe.py` ends with what the service says of it, and leaves the file as it is."""
    cursor = tmp_path / "cursor"
    cursor.write_text("of another log")
    subscriber = await start("subscribe.py", str(cursor), EMAILOPENS_PIXEL_TARGET=pair.pixel)
    said, errors = await subscriber.communicate()

    assert (subscriber.returncode, said) == (1, b"")
    assert errors.decode().startswith("subscribe.py: INVALID_ARGUMENT: ")
    assert len(errors.splitlines()) == 1
    assert cursor.read_text() == "of another log"


async def test_sent_message_is_opened_and_the_subscriber_goes_on_where_it_stopped(
    pair: Pair,
    configuration_id: str,
    browser: aiohttp.ClientSession,
    inbox: tuple[Inbox, str],
    tmp_path: Path,
) -> None:
    """`send.py` sends the rewritten message; `subscribe.py` prints each open once."""
    kept, smtp_address = inbox
    sender = await start(
        "send.py", configuration_id, smtp_address, EMAILOPENS_INJECTOR_TARGET=pair.injector
    )
    said, _ = await sender.communicate(NEWSLETTER)
    (envelope,) = kept.envelopes
    raw = envelope.content
    assert isinstance(raw, bytes)
    message_id = said.decode().split()[1]
    seen: set[str] = set()
    for count in (1, 2):
        async with browser.get(pixel_url_of(raw)) as response:
            assert response.status == 200
        subscriber = await start(
            "subscribe.py", str(tmp_path / "cursor"), EMAILOPENS_PIXEL_TARGET=pair.pixel
        )
        assert subscriber.stdout is not None
        # Other tests share the log, and what was not finished may come again.
        async for line in subscriber.stdout:
            notification = json.loads(line)
            if notification["mail"].get("messageId") == message_id:
                seen.add(notification["eventId"])
            if len(seen) == count:
                break
        subscriber.kill()
        await subscriber.wait()

    assert said.startswith(b"OUTCOME_TRACKED ")
    assert envelope.rcpt_tos == ["zofia@example.org"]
    assert message_from_bytes(raw)["Subject"] == message_from_bytes(NEWSLETTER)["Subject"]
    assert len(seen) == 2
