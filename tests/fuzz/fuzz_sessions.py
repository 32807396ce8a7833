"""Speaks with the bridge's listener as clients may, and then as none does.

    python -m tests.fuzz.fuzz_sessions --count 20000 --seed 1

A session is a row of steps whose answers are known: messages by DATA and BDAT, mistakes, words
that change nothing. Its octets are sent in pieces that are cut at random, and all answers and
messages must be those. Then some of its octets are changed, and whatever that means now, it must
mean the same however the octets are cut. A finding is anything else, a fault of a session, or
something that is still held after it.
"""

import argparse
import asyncio
import contextlib
import itertools
import random
from collections.abc import Sequence
from typing import Final, NamedTuple

import uvloop

from mail_bridge.front import FrontSettings, Limits
from mail_bridge.smtp import MAX_LINE_OCTETS, ReplyReader
from service_runtime.drain import DEFAULT_GRACE
from service_runtime.logging import configure_logging
from tests.mail_bridge.front.recording import Front, running_front
from tests.mail_bridge.talking_client import with_dots

_MOST_OCTETS: Final = 2_000

# Of one session; the bridge lets nobody make 20 mistakes.
_MOST_STEPS: Final = 12

_TO_TWO: Final = (b"MAIL FROM:<a@example.com> RET=HDRS", b"RCPT TO:<b@c>", b"RCPT TO:<d@e>")

_PIECES: Final = (
    *(b"\r\n", b"\r", b"\n", b".", b"\r\n.", b".\r\n", b"\n.\n", b"\r.\r", b"\x00", b"\xff", b" "),
    *(b"MAIL FROM:<smuggled@example.com>\r\n", b"DATA\r\n", b"QUIT\r\n", b"x" * 200),
)

_WORDS: Final = (
    *(b"\r\n", b"\r", b"\n", b".", b"\r\n.\r\n", b"\x00", b"<", b">", b'"', b"\\", b":", b" "),
    *(b"MAIL FROM:<", b"RCPT TO:<", b"DATA\r\n", b"BDAT 5\r\n", b"BDAT 0 LAST\r\n", b"RSET\r\n"),
    *(b"QUIT\r\n", b"LAST", b"999999999", b"STARTTLS\r\n", b"XFORWARD A=b\r\n", b"LHLO x\r\n"),
)


class Step(NamedTuple):
    """Something that a client says."""

    octets: bytes
    codes: tuple[int, ...]
    """Of the answers that it gets."""

    message: bytes | None = None
    """What is delivered by it."""


def _a_message(chance: random.Random) -> bytes:
    return b"".join(chance.choice(_PIECES) for _ in range(chance.randrange(9)))


def _by_data(chance: random.Random) -> Step:
    message = _a_message(chance)
    message += b"\r\n" * (message != b"" and not message.endswith(b"\r\n"))
    octets = b"\r\n".join([*_TO_TWO, b"DATA", with_dots(message)])
    return Step(octets, (250, 250, 250, 354, 250, 250), message)


def _by_chunks(chance: random.Random) -> Step:
    message = _a_message(chance)
    half = chance.randrange(len(message) + 1)
    octets = b"\r\n".join(
        [*_TO_TWO, b"BDAT %d\r\n%bbdat %d last" % (half, message[:half], len(message) - half), b""]
    )
    return Step(octets + message[half:], (250, 250, 250, 250, 250, 250), message)


def _too_large(chance: random.Random) -> Step:
    content = b"x" * chance.randrange(_MOST_OCTETS, 3 * _MOST_OCTETS) + b"\r\n.\r\n"
    return Step(b"\r\n".join([*_TO_TWO, b"DATA", content]), (250, 250, 250, 354, 552, 552))


def _too_large_in_chunks(chance: random.Random) -> Step:
    size = chance.randrange(_MOST_OCTETS + 1, 3 * _MOST_OCTETS)
    octets = b"\r\n".join([*_TO_TWO, b"BDAT %d" % size, b"x" * size + b"BDAT 0 LAST", b""])
    return Step(octets, (250, 250, 250, 552, 552, 552))


def _given_up(_chance: random.Random) -> Step:
    octets = b"\r\n".join([*_TO_TWO, b"BDAT 3", b"abcRSET", b""])
    return Step(octets, (250, 250, 250, 250, 250))


def _long_line(chance: random.Random) -> Step:
    return Step(b"x" * chance.randrange(MAX_LINE_OCTETS, 40_000) + b"\r\n", (500,))


def _word(chance: random.Random) -> Step:
    return chance.choice(
        (
            *(Step(b"NOOP\r\n", (250,)), Step(b"rset \r\n", (250,)), Step(b"Vrfy x\r\n", (252,))),
            *(Step(b"HELP\r\n", (214,)), Step(b"LHLO again\r\n", (250,))),
            Step(b"XFORWARD NAME=x ADDR=y\r\n", (250,)),
        )
    )


def _mistake(chance: random.Random) -> Step:
    return chance.choice(
        (
            *(Step(b"DATA\r\n", (503,)), Step(b"RCPT TO:<a@b>\r\n", (503,))),
            *(Step(b"MAIL FROM:<a\r\n", (501,)), Step(b"MAIL\r\n", (501,))),
            *(Step(b"EHLO x\r\n", (500,)), Step(b"\r\n", (500,)), Step(b"NOOP\n", (500,))),
            *(Step(b"NO\x00OP\r\n", (500,)), Step(b"BDAT 4 LAST\r\nNOOP", (503,))),
            Step(b"MAIL FROM:<a@b> SIZE=2001\r\n", (552,)),
        )
    )


KINDS: Final = (
    *(_by_data, _by_data, _by_chunks, _by_chunks, _too_large, _too_large_in_chunks),
    *(_given_up, _long_line, _word, _word, _mistake),
)


def a_session(chance: random.Random) -> list[Step]:
    """Return steps of one session."""
    steps = [chance.choice(KINDS)(chance) for _ in range(chance.randint(1, _MOST_STEPS))]
    return [Step(b"LHLO fuzz\r\n", (220, 250)), *steps, Step(b"QUIT\r\n", (221,))]


def changed(octets: bytes, chance: random.Random) -> bytes:
    """Return *octets* with some of them changed."""
    for _ in range(chance.randint(1, 4)):
        at, to = sorted(chance.randrange(len(octets) + 1) for _ in range(2))
        to = min(to, at + chance.choice((0, 1, 2, 30)))
        instead = chance.choice(
            (b"", octets[at:to] * 2, chance.randbytes(2), *chance.choices(_WORDS, k=3))
        )
        octets = octets[:at] + instead + octets[to:]
    return octets


class _Talk(asyncio.Protocol):
    """Takes everything that is answered, also when the connection is reset after it."""

    def __init__(self) -> None:
        self.answers = b""
        self.end = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.answers += data

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's own
        self.end.set_result(None)


async def said_to(front: Front, octets: bytes, chance: random.Random | None) -> bytes:
    """Send *octets* in pieces, or as they are; return all that is answered."""
    loop = asyncio.get_running_loop()
    transport, talk = await loop.create_connection(_Talk, front.host, front.port)
    cuts = [] if chance is None else chance.choices(range(len(octets) + 1), k=chance.randint(1, 9))
    places = [0, *sorted(cuts), len(octets)]
    for start, end in itertools.pairwise(places):
        if transport.is_closing():
            break
        transport.write(octets[start:end])
        # What is sent has its own way through the loop before the next piece.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    with contextlib.suppress(OSError):  # the bridge has gone first
        if not transport.is_closing():
            transport.write_eof()
    await talk.end
    return talk.answers


async def _wrong_with(front: Front, chance: random.Random) -> Sequence[str]:
    """Return what is wrong with one session, and with what becomes of it."""
    wrong = []
    steps = a_session(chance)
    octets = b"".join(step.octets for step in steps)
    front.delivery.transactions.clear()
    answers = await said_to(front, octets, chance)
    codes = [reply.code for reply in ReplyReader().feed(answers)]
    if codes != [code for step in steps for code in step.codes]:
        wrong.append(f"answers {codes} to {octets!r}")
    if front.delivery.messages != [step.message for step in steps if step.message is not None]:
        wrong.append(f"messages of {octets!r}")

    octets = changed(octets, chance)
    found = []
    for cuts in (None, chance):
        front.delivery.transactions.clear()
        answers = await said_to(front, octets, cuts)
        found.append((answers, tuple(front.delivery.transactions)))
    if found[0] != found[1]:
        wrong.append(f"answers to {octets!r}, or messages, depend on where it is cut: {found}")
    return wrong


async def findings(*, count: int, seed: int, max_octets: int = _MOST_OCTETS) -> Sequence[str]:
    """Have *count* sessions; return what is wrong."""
    settings = FrontSettings(limits=Limits(max_message_octets=max_octets))
    found = []
    async with running_front(settings=settings, grace=DEFAULT_GRACE) as front:
        for number in range(count):
            wrong = await _wrong_with(front, random.Random(f"{seed}:{number}"))
            found += [f"session {number} of seed {seed}: {each}" for each in wrong]
        if front.counted("ended_sessions_total", reason="fault"):
            found.append("a session had a fault")
        if held := front.counted("held_octets"):
            found.append(f"{held} octets are held after all sessions")
    return found


def main() -> None:
    """Look for findings; fail if there are any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    configure_logging(level="WARNING")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(findings(count=arguments.count, seed=arguments.seed))
    for each in found:
        print(each)
    if found:
        raise SystemExit(1)
    print(f"{arguments.count:,} sessions, no finding")


if __name__ == "__main__":
    main()
