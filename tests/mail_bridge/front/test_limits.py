"""No client takes more than its share, and each hears why."""

from collections.abc import Iterator, MutableMapping
from types import ModuleType
from typing import Any

import pytest
import structlog

from mail_bridge.front import (
    FrontProtocol,
    FrontSettings,
    Limits,
    SeveralRecipients,
    incoming,
    session,
    wire,
)
from mail_bridge.smtp import MAX_LINE_OCTETS
from tests.mail_bridge.front.recording import DELIVERED, running_front
from tests.mail_bridge.talking_client import TalkingClient, talking_to

MAIL, RCPT = b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.net>"
MESSAGE = b"Subject: x\r\n\r\nHello\r\n"


@pytest.fixture
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    with structlog.testing.capture_logs() as found:
        yield found


def limited(limits: Limits) -> FrontSettings:
    """Return settings with *limits*."""
    return FrontSettings(limits=limits)


async def test_message_over_the_limit_is_refused_before_it_is_sent() -> None:
    """A client that says the size hears at MAIL that it is too large (RFC 1870)."""
    async with (
        running_front(settings=limited(Limits(max_message_octets=1_000))) as front,
        talking_to(front.host, front.port) as client,
    ):
        refused = await client.ask(MAIL + b" SIZE=1001")
        taken = await client.ask(MAIL + b" SIZE=1000")

    assert (refused.code, refused.lines[0][:6]) == (552, b"5.3.4 ")
    assert taken.code == 250


@pytest.mark.parametrize("octets", [1_001, 4_000])
async def test_message_over_the_limit_is_refused_for_each_recipient(octets: int) -> None:
    """One that does not say it is received to its end, kept no further, and answered."""
    async with (
        running_front(settings=limited(Limits(max_message_octets=1_000))) as front,
        talking_to(front.host, front.port) as client,
    ):
        by_data = await client.send(b"x" * (octets - 2) + b"\r\n", b"a@b.example", b"c@d.example")
        await client.ask(MAIL, RCPT)
        await client.say(b"BDAT %d\r\n%b" % (octets, b"x" * octets))
        by_chunk = await client.reply()
        last = await client.ask(b"BDAT 0 LAST")
        taken = await client.send(b"x" * 998 + b"\r\n")
        held = front.counted("held_octets")
        counted = front.counted("refused_messages_total", reason="too_large")

    assert [each.code for each in (*by_data, by_chunk, last)] == [552] * 4
    assert taken == [DELIVERED]
    assert [len(each) for each in front.delivery.messages] == [1_000]
    assert (held, counted) == (0, 2)


async def test_message_that_becomes_too_large_gives_back_what_it_held() -> None:
    """Its first part was kept, and is no longer."""
    async with (
        running_front(settings=limited(Limits(max_message_octets=1_000))) as front,
        talking_to(front.host, front.port) as client,
    ):
        await client.ask(MAIL, RCPT)
        codes = []
        for _ in range(2):
            await client.say(b"BDAT 600\r\n" + b"x" * 600)
            codes.append((await client.reply()).code)
        await client.ask(b"RSET")
        held = front.counted("held_octets")

    assert codes == [250, 552]
    assert held == 0


async def test_message_without_end_is_not_received_for_ever() -> None:
    """What is many times too large comes from no mail client."""
    async with (
        running_front(settings=limited(Limits(max_message_octets=1_000))) as front,
        talking_to(front.host, front.port) as client,
    ):
        await client.ask(MAIL, RCPT, b"DATA")
        await client.say(b"x" * 100_000)
        codes = [(await client.reply()).code for _ in range(2)]
        is_over = await client.is_over()
        counted = front.counted("ended_sessions_total", reason="message")

    assert codes == [552, 421]
    assert is_over
    assert counted == 1


async def test_messages_at_once_are_bounded_in_octets() -> None:
    """Where there is no room for one more message its client comes again; room comes back."""
    limits = Limits(max_held_octets=1_000 + 2 * len(b"TO:<b@example.net>"))
    async with (
        running_front(settings=limited(limits)) as front,
        talking_to(front.host, front.port) as first,
        talking_to(front.host, front.port) as second,
    ):
        front.delivery.may_go_on.clear()
        await first.ask(MAIL, RCPT, b"DATA")
        await first.say(b"x" * 600 + b"\r\n.\r\n")
        await front.delivery.has_begun.wait()
        held = front.counted("held_octets")
        said_early = await second.ask(MAIL + b" SIZE=500")
        said_late = await second.send(b"y" * 500 + b"\r\n")
        front.delivery.may_go_on.set()
        delivered = await first.reply()
        taken = await second.send(b"y" * 500 + b"\r\n")
        held_in_the_end = front.counted("held_octets")

    assert (held, held_in_the_end) == (602 + len(b"TO:<b@example.net>"), 0)
    assert [each.code for each in (said_early, *said_late)] == [452, 452]
    assert said_early.lines[0].startswith(b"4.3.1 ")
    assert [delivered, *taken] == [DELIVERED, DELIVERED]


async def test_recipients_are_bounded() -> None:
    """Those beyond the limit are sent a message of their own later (RFC 5321)."""
    async with (
        running_front(settings=limited(Limits(max_recipients=2))) as front,
        talking_to(front.host, front.port) as client,
    ):
        await client.ask(MAIL, RCPT, RCPT)
        refused = await client.ask(RCPT)

    assert (refused.code, refused.lines[0][:6]) == (452, b"4.5.3 ")


async def test_recipients_with_one_answer_are_as_many_as_every_next_hop_takes() -> None:
    """One too many for it would keep the message from all of them, however often it comes."""
    settings = FrontSettings(several_recipients=SeveralRecipients.PASS)
    async with (
        running_front(FrontProtocol.SMTP, settings=settings) as front,
        talking_to(front.host, front.port, greets_with=b"EHLO c") as client,
    ):
        await client.ask(MAIL)
        codes = [(await client.ask(RCPT)).code for _ in range(101)]

    assert codes == [250] * 100 + [452]


@pytest.mark.parametrize("command", [b"RCPT TO:<b@example.net> X=" + b"x" * 400, b"XFORWARD A=b"])
async def test_envelopes_are_held_within_the_same_bound(command: bytes) -> None:
    """Recipients with long parameters take room as messages do, and give it back."""
    async with (
        running_front(settings=limited(Limits(max_held_octets=1_000))) as front,
        talking_to(front.host, front.port) as client,
    ):
        opening = [MAIL] if command.startswith(b"RCPT") else []
        replies = [await client.ask(*opening, command)]
        while replies[-1].code == 250:
            replies.append(await client.ask(command))
        await client.ask(b"RSET")
        held = front.counted("held_octets")
        again = await client.ask(*opening, command)

    assert (replies[-1].code, replies[-1].lines[0][:6]) == (452, b"4.3.1 ")
    assert held == 0
    assert again.code == 250


async def test_what_is_said_of_a_client_s_origin_is_bounded() -> None:
    """A client is told when it has said more of it than any has, and the next message may again."""
    async with (
        running_front() as front,
        talking_to(front.host, front.port) as client,
    ):
        codes = [(await client.ask(b"XFORWARD NAME=c")).code for _ in range(17)]
        await client.ask(b"RSET")
        again = await client.ask(b"XFORWARD NAME=c")

    assert codes == [250] * 16 + [452]
    assert again.code == 250


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        (Limits(max_connections=2), "all"),
        (Limits(max_connections_of_address=2), "address"),
    ],
)
async def test_connections_are_bounded(
    limits: Limits, name: str, logs: list[MutableMapping[str, Any]]
) -> None:
    """One too many is told so, and may come in when another has gone."""
    async with running_front(settings=limited(limits)) as front:
        async with (
            talking_to(front.host, front.port) as first,
            talking_to(front.host, front.port),
            talking_to(front.host, front.port, greets_with=None) as third,
        ):
            refused = await third.reply()
            is_over = await third.is_over()
            connections = front.counted("connections")
            await first.ask(b"QUIT")
            assert await first.is_over()
            async with talking_to(front.host, front.port) as fourth:
                taken = await fourth.send(MESSAGE)
        counted = front.counted("refused_connections_total", limit=name)

    assert (refused.code, refused.lines[0][:6]) == (421, b"4.7.0 ")
    assert is_over
    assert connections == 2
    assert taken == [DELIVERED]
    assert counted == 1
    assert [each["limit"] for each in logs if each["event"] == "connection refused"] == [name]


@pytest.mark.parametrize("octets", [MAX_LINE_OCTETS - 1, MAX_LINE_OCTETS + 1, 300_000])
async def test_line_that_is_too_long_is_passed_over(octets: int) -> None:
    """The command after it is one, and what is inside it is not."""
    async with running_front() as front, talking_to(front.host, front.port) as client:
        refused = await client.ask(b"NOOP " + b"QUIT " * (octets // 5))
        taken = await client.send(MESSAGE)

    assert (refused.code, refused.lines[0][:6]) == (500, b"5.5.2 ")
    assert taken == [DELIVERED]


async def test_line_without_end_ends_the_session() -> None:
    """What sends megabytes without a line end is no mail client."""
    async with running_front() as front, talking_to(front.host, front.port) as client:
        await client.say(b"x" * 2_000_000)
        farewell = await client.reply()
        is_over = await client.is_over()

    assert (farewell.code, farewell.lines[0][:6]) == (421, b"4.7.0 ")
    assert is_over


async def test_line_end_without_cr_is_none() -> None:
    """Whoever types by hand is told what is wrong."""
    async with running_front() as front, talking_to(front.host, front.port) as client:
        await client.say(b"NOOP\n")
        refused = await client.reply()

    assert (refused.code, refused.lines[0][:6]) == (500, b"5.5.2 ")


@pytest.mark.parametrize("line", [b"WHAT", b"MAIL FROM:nobody", b"x" * 20_000])
async def test_too_many_errors_end_the_session(
    line: bytes, logs: list[MutableMapping[str, Any]]
) -> None:
    """A client that makes nothing but mistakes is no mail client."""
    async with running_front() as front, talking_to(front.host, front.port) as client:
        codes = [(await client.ask(line)).code for _ in range(20)]
        farewell = await client.reply()
        is_over = await client.is_over()
        counted = front.counted("ended_sessions_total", reason="errors")

    assert {code // 100 for code in codes} == {5}
    assert (farewell.code, farewell.lines[0][:6]) == (421, b"4.7.0 ")
    assert is_over
    assert counted == 1
    assert [each["reason"] for each in logs if each["event"] == "session ended"] == ["errors"]


async def test_browser_is_not_listened_to() -> None:
    """A page can have a browser send a form with commands in it, on a port of this machine."""
    async with (
        running_front() as front,
        talking_to(front.host, front.port, greets_with=None) as client,
    ):
        await client.say(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nLHLO x\r\n" + MAIL + b"\r\n")
        codes = [(await client.reply()).code for _ in range(2)]
        is_over = await client.is_over()

    assert codes == [220, 421]
    assert is_over


@pytest.mark.parametrize(
    ("limit", "commands", "octets"),
    [
        ((session, "_COMMAND_SECONDS"), [], b"NOOP\r\n"),
        ((session, "_COMMAND_SECONDS"), [MAIL], b"NOOP\r\nRCPT"),
        ((incoming, "_PIECE_SECONDS"), [MAIL, RCPT], b"DATA\r\nSubject: x\r\n"),
        ((incoming, "_MESSAGE_SECONDS"), [MAIL, RCPT], b"DATA\r\nSubject: x\r\n"),
        ((incoming, "_PIECE_SECONDS"), [MAIL, RCPT], b"NOOP\r\nBDAT 5\r\nab"),
        ((incoming, "_MESSAGE_SECONDS"), [MAIL, RCPT], b"NOOP\r\nBDAT 5\r\nab"),
    ],
)
async def test_client_that_stalls_is_told_to_come_again(
    limit: tuple[ModuleType, str],
    commands: list[bytes],
    octets: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every wait has an end, and what the client held is free after it."""
    async with running_front() as front, talking_to(front.host, front.port) as client:
        for command in commands:
            await client.ask(command)
        # Short enough to wait for; it is for the wait after the next command.
        monkeypatch.setattr(*limit, 0.05)
        await client.say(octets)
        await client.reply()
        farewell = await client.reply()
        is_over = await client.is_over()
        counted = front.counted("ended_sessions_total", reason="timeout")
        held = front.counted("held_octets")

    assert (farewell.code, farewell.lines[0][:6]) == (421, b"4.4.2 ")
    assert is_over
    assert (counted, held) == (1, 0)


async def say_for_long(client: TalkingClient) -> None:
    """Send more than any buffer on the way holds."""
    for _ in range(2_000):
        await client.say(b"HELP\r\n" * 10_000)


async def test_client_that_takes_no_replies_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replies wait for a client in a bounded buffer for a bounded time."""
    monkeypatch.setattr(wire, "_WRITE_SECONDS", 0.05)
    async with (
        running_front() as front,
        talking_to(front.host, front.port) as client,
    ):
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a socket's
        with pytest.raises(ConnectionError):
            await say_for_long(client)
