"""The program, killed and stopped while messages are on their way."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from examples.pair import HOST, free_ports
from tests.mail_bridge.a_bridge import TEXT
from tests.mail_bridge.a_next_hop import END, ANextHop, Instead
from tests.mail_bridge.talking_client import TalkingClient, talking_to

# Attempts to connect, a twentieth of a second apart: a start takes a second or two.
MANY = 1_200

TWO = (b"a@example.net", b"b@example.net")


@contextlib.asynccontextmanager
async def a_program(
    hop: ANextHop, *options: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """Run the bridge as a process; yields it, and its port.  Nobody makes pixels."""
    port = free_ports(1)
    host, number = hop.address
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("mail-bridge"),
        "serve",
        f"--listen={HOST}:{port}",
        f"--next-hop={host}:{number}",
        f"--injector={HOST}:1",
        "--injector-deadline=0.1",
        "--log-level=error",
        *options,
    )
    try:
        await until_listening(process, port)
        yield process, port
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def until_listening(process: asyncio.subprocess.Process, port: int) -> None:
    for _ in range(MANY):
        assert process.returncode is None
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(HOST, port)
            writer.close()
            return
        await asyncio.sleep(0.05)
    raise AssertionError("does not start")


async def hand_over(client: TalkingClient, recipients: Sequence[bytes] = TWO) -> None:
    """Send a message, up to its end."""
    to = [b"RCPT TO:<%b>" % each for each in recipients]
    await client.ask(b"MAIL FROM:<a@example.org>", *to, b"DATA")
    await client.say(TEXT + b".\r\n")


@pytest.mark.guarantee(
    "G10", "The bridge says that a recipient has a message only after the next hop has said so"
)
async def test_killed_bridge_has_promised_nothing() -> None:
    """Killed after the next hop has the message: the client hears nothing, and sends it again."""
    hop = ANextHop({END: [Instead.SILENCE, b"250 Ok"]})
    async with hop.running():
        async with a_program(hop) as (process, port), talking_to(HOST, port) as client:
            await hand_over(client)
            await hop.silent.wait()
            process.kill()
            assert await client.is_over()
        async with a_program(hop) as (_, port), talking_to(HOST, port) as client:
            assert [each.code for each in await client.send(TEXT, *TWO)] == [250, 250]

    assert [each.message for each in hop.received] == [TEXT, TEXT]


async def test_recipient_who_was_answered_for_stays_so() -> None:
    """Each answer goes out once it is known: whoever was answered for is not sent to again."""
    # One transaction has a hundred of them; the next one stalls.
    recipients = [b"%d@example.net" % n for n in range(101)]
    hop = ANextHop({END: [b"250 Ok", Instead.SILENCE]})
    async with (
        hop.running(),
        a_program(hop, "--next-hop-connections=1") as (process, port),
        talking_to(HOST, port) as client,
    ):
        await hand_over(client, recipients)
        assert [(await client.reply()).code for _ in recipients[:100]] == [250] * 100
        await hop.silent.wait()
        process.kill()
        assert await client.is_over()


@pytest.mark.guarantee("G10", "what nobody knows is tried again by whoever sent it")
@pytest.mark.parametrize("stalls_for", [b"0", b"100"])
async def test_stopping_bridge_answers_for_whom_it_knows(stalls_for: bytes) -> None:
    """At the end of the grace a recipient who has the message is not behind one who stalls."""
    recipients = [b"%d@example.net" % n for n in range(101)]
    hop = ANextHop()
    hop.unanswered = b"TO:<%b@example.net>" % stalls_for
    async with (
        hop.running(),
        a_program(hop, "--next-hop-connections=4", "--grace=0.2") as (process, port),
        talking_to(HOST, port) as client,
        talking_to(HOST, port) as other,
    ):
        await hand_over(client, recipients)
        await hop.silent.wait()
        # Over the connection of those who are answered for: the bridge knows of them after it.
        assert [each.code for each in await other.send(TEXT)] == [250]
        process.send_signal(signal.SIGTERM)
        found = [(await client.reply()).code for _ in [*recipients, b"the end"]]
        assert await process.wait() == 0

    stalled, known = [451] * 100, [250]
    if stalls_for == b"100":
        stalled, known = [250] * 100, [451]
    assert found == [*stalled, *known, 421]
    assert len({each.connection for each in hop.received}) == 2


async def test_stopping_bridge_ends_what_has_begun() -> None:
    """SIGTERM in the middle of a message: it is delivered and answered for, and then it is over."""
    hop = ANextHop()
    async with hop.running(), a_program(hop) as (process, port), talking_to(HOST, port) as client:
        await client.ask(b"MAIL FROM:<a@example.org>", b"RCPT TO:<b@example.net>", b"DATA")
        process.send_signal(signal.SIGTERM)
        await client.say(TEXT + b".\r\n")
        assert (await client.reply()).code == 250
        assert (await client.reply()).code == 421
        assert await process.wait() == 0

    assert [each.message for each in hop.received] == [TEXT]


async def test_stopping_bridge_waits_for_nobody_for_ever() -> None:
    """A next hop that stalls keeps it for the grace and no longer; the client keeps its mail."""
    hop = ANextHop({END: Instead.SILENCE})
    async with (
        hop.running(),
        a_program(hop, "--grace=0.2") as (process, port),
        talking_to(HOST, port) as client,
    ):
        await hand_over(client)
        await hop.silent.wait()
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        assert (await client.reply()).code in (421, 451)
