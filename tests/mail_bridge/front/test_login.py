"""AUTH is the next hop's business: the bridge passes it on, line by line."""

import base64
import ipaddress

import pytest

from mail_bridge.front import FrontProtocol, FrontSettings, login
from mail_bridge.front.announcing import passed_on_for
from mail_bridge.smtp import Reply
from mail_bridge.transaction import NextHopAway
from tests.mail_bridge.front.recording import DELIVERED, StatedNextHop, running_front
from tests.mail_bridge.talking_client import talking_to

MAIL, RCPT = b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.net>"
MESSAGE = b"Subject: x\r\n\r\nHello\r\n"
EHLO = b"EHLO client.example"
SUCCEEDED = Reply(235, (b"2.7.0 Welcome",))
FAILED = Reply(535, (b"5.7.8 No", b"5.7.8 never"))
CREDENTIALS = base64.b64encode(b"\0user\0password")


async def test_mail_after_it_goes_through_the_connection_that_knows_the_client() -> None:
    """The next hop hears AUTH verbatim; its answer and what follows belong to this session."""
    next_hop = StatedNextHop(answers=[SUCCEEDED])
    async with (
        running_front(FrontProtocol.SMTP, next_hop=next_hop) as front,
        talking_to(front.host, front.port, greets_with=EHLO) as client,
    ):
        said = await client.ask(b"auth PLAIN " + CREDENTIALS)
        again = await client.ask(b"AUTH PLAIN " + CREDENTIALS)
        delivered = await client.ask(MAIL, RCPT, b"DATA", MESSAGE + b".")
        (connection,) = next_hop.connections
        was_open = not connection.is_closed
        await client.ask(b"QUIT")
        assert await client.is_over()

    assert (said, again.code, delivered) == (SUCCEEDED, 503, DELIVERED)
    assert connection.lines == [b"AUTH PLAIN " + CREDENTIALS]
    assert front.delivery.connections == [connection]
    assert was_open
    assert connection.is_closed


async def test_questions_and_answers_are_passed_on() -> None:
    """Mechanisms with several steps need not be known here."""
    next_hop = StatedNextHop(
        answers=[Reply(334, (b"VXNlcm5hbWU6",)), Reply(334, (b"UGFzc3dvcmQ6",)), SUCCEEDED]
    )
    async with (
        running_front(FrontProtocol.SMTP, next_hop=next_hop) as front,
        talking_to(front.host, front.port, greets_with=EHLO) as client,
    ):
        said = [await client.ask(line) for line in (b"AUTH LOGIN", b"dXNlcg==", b"cGFzc3dvcmQ=")]

    assert [each.octets() for each in said] == [
        *(b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n", b"235 2.7.0 Welcome\r\n")
    ]
    assert next_hop.connections[0].lines == [b"AUTH LOGIN", b"dXNlcg==", b"cGFzc3dvcmQ="]


async def test_failure_is_passed_on_and_leaves_nothing() -> None:
    """The client may try again, by another connection, but not often."""
    next_hop = StatedNextHop(answers=[FAILED] * 3)
    async with (
        running_front(FrontProtocol.SMTP, next_hop=next_hop) as front,
        talking_to(front.host, front.port, greets_with=EHLO) as client,
    ):
        said = [await client.ask(b"AUTH PLAIN " + CREDENTIALS) for _ in range(3)]
        farewell = await client.reply()
        is_over = await client.is_over()

    assert said == [FAILED] * 3
    assert (farewell.code, farewell.lines[0][:6]) == (421, b"4.7.0 ")
    assert is_over
    assert [each.is_closed for each in next_hop.connections] == [True] * 3


async def test_mail_after_a_failure_is_nobodys() -> None:
    """It goes as mail without AUTH does, and the next hop says what it thinks of that."""
    next_hop = StatedNextHop(answers=[FAILED])
    async with (
        running_front(FrontProtocol.SMTP, next_hop=next_hop) as front,
        talking_to(front.host, front.port, greets_with=EHLO) as client,
    ):
        await client.ask(b"AUTH PLAIN " + CREDENTIALS)
        await client.ask(MAIL, RCPT, b"DATA", MESSAGE + b".")

    assert front.delivery.connections == [None]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"MAIL FROM:<a@example.com>", b"501 5.5.2 "),
        (b"a\x00", b"501 5.5.2 "),
        (b"a\rRSET", b"501 5.5.2 "),
        (b"a" * 20_000, b"500 5.5.6 "),
    ],
)
async def test_answer_that_is_no_base64_ends_it(line: bytes, expected: bytes) -> None:
    """Nothing that could be a command reaches the next hop inside AUTH."""
    next_hop = StatedNextHop(answers=[Reply(334, (b"",))])
    async with (
        running_front(FrontProtocol.SMTP, next_hop=next_hop) as front,
        talking_to(front.host, front.port, greets_with=EHLO) as client,
    ):
        refused = await client.ask(b"AUTH LOGIN", line)
        after = await client.ask(b"NOOP")

    assert refused.octets().startswith(expected)
    assert after.code == 250
    assert next_hop.connections[0].lines == [b"AUTH LOGIN"]
    assert next_hop.connections[0].is_closed


async def test_client_may_give_up() -> None:
    """`*` is passed on like every answer (RFC 4954 section 4)."""
    next_hop = StatedNextHop(answers=[Reply(334, (b"",)), Reply(501, (b"5.7.0 As you like",))])
    async with (
        running_front(FrontProtocol.SMTP, next_hop=next_hop) as front,
        talking_to(front.host, front.port, greets_with=EHLO) as client,
    ):
        said = await client.ask(b"AUTH LOGIN", b"*")

    assert said.code == 501
    assert next_hop.connections[0].lines == [b"AUTH LOGIN", b"*"]


async def test_questions_without_end_are_not_passed_on() -> None:
    """A next hop that always has one more question is no server of any mechanism."""
    next_hop = StatedNextHop(answers=[Reply(334, (b"",))] * 30)
    async with (
        running_front(FrontProtocol.SMTP, next_hop=next_hop) as front,
        talking_to(front.host, front.port, greets_with=EHLO) as client,
    ):
        reply = await client.ask(b"AUTH LOGIN")
        lines = 0
        while reply.code == 334:
            reply = await client.ask(b"YQ==")
            lines += 1

    assert (reply.code, lines) == (501, 16)


@pytest.mark.parametrize("answers", [[], [Reply(334, (b"",))]])
@pytest.mark.parametrize("end", [NextHopAway("gone"), Reply(421, (b"4.3.2 Stopping",))])
async def test_next_hop_that_goes_away_is_said(
    answers: list[Reply], end: Reply | NextHopAway
) -> None:
    """The client tries again later, and no password was wrong."""
    next_hop = StatedNextHop(answers=[*answers, end])
    async with (
        running_front(FrontProtocol.SMTP, next_hop=next_hop) as front,
        talking_to(front.host, front.port, greets_with=EHLO) as client,
    ):
        said = await client.ask(b"AUTH LOGIN", *(b"YQ==" for _ in answers))
        next_hop.is_away = True
        still = await client.ask(b"AUTH LOGIN")

    assert [each.octets()[:10] for each in (said, still)] == [b"454 4.7.0 "] * 2
    assert next_hop.connections[0].is_closed


async def test_client_that_leaves_in_the_middle_leaves_nothing_open() -> None:
    """The connection to the next hop ends with the session."""
    next_hop = StatedNextHop(answers=[Reply(334, (b"",))])
    async with (
        running_front(FrontProtocol.SMTP, next_hop=next_hop) as front,
        talking_to(front.host, front.port, greets_with=EHLO) as client,
    ):
        await client.ask(b"AUTH LOGIN")

    assert next_hop.connections[0].is_closed


async def test_client_that_stalls_in_the_middle_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to the next hop is not kept for it for ever."""
    monkeypatch.setattr(login, "_LINE_SECONDS", 0.05)
    next_hop = StatedNextHop(answers=[Reply(334, (b"",))])
    async with (
        running_front(FrontProtocol.SMTP, next_hop=next_hop) as front,
        talking_to(front.host, front.port, greets_with=EHLO) as client,
    ):
        await client.ask(b"AUTH LOGIN")
        farewell = await client.reply()
        assert await client.is_over()

    assert farewell.code == 421
    assert next_hop.connections[0].is_closed


@pytest.mark.parametrize(
    ("client", "protocol", "is_tls", "has_certificate", "expected"),
    [
        ("127.0.0.1", FrontProtocol.SMTP, False, True, (b"XFORWARD", b"AUTH")),
        ("::ffff:127.0.0.1", FrontProtocol.SMTP, False, True, (b"XFORWARD", b"AUTH")),
        ("::1", FrontProtocol.SMTP, False, True, (b"XFORWARD", b"AUTH")),
        ("192.0.2.1", FrontProtocol.SMTP, False, True, ()),
        ("192.0.2.1", FrontProtocol.SMTP, True, True, (b"AUTH",)),
        # Whoever serves others without TLS has said so when the program was started.
        ("192.0.2.1", FrontProtocol.SMTP, False, False, (b"AUTH",)),
        ("127.0.0.1", FrontProtocol.LMTP, True, True, (b"XFORWARD",)),
    ],
)
def test_password_does_not_go_over_a_network_in_the_open(
    client: str,
    protocol: FrontProtocol,
    expected: tuple[bytes, ...],
    *,
    is_tls: bool,
    has_certificate: bool,
) -> None:
    """Where TLS can be spoken AUTH waits for it, but on this machine."""
    settings = FrontSettings(protocol=protocol)
    found = passed_on_for(
        ipaddress.ip_address(client), settings, is_tls=is_tls, has_certificate=has_certificate
    )

    assert found == expected


async def test_credentials_are_not_logged(capfd: pytest.CaptureFixture[str]) -> None:
    """Neither is an address, nor anything of a message, even when something fails."""
    next_hop = StatedNextHop(answers=[FAILED, SUCCEEDED])
    async with (
        running_front(FrontProtocol.SMTP, next_hop=next_hop) as front,
        talking_to(front.host, front.port, greets_with=EHLO) as client,
    ):
        front.delivery.error = RuntimeError("of <a@example.com>")
        await client.ask(b"AUTH PLAIN " + CREDENTIALS, b"AUTH PLAIN " + CREDENTIALS)
        await client.ask(MAIL, RCPT, b"DATA", MESSAGE + b".")
    output = "".join(capfd.readouterr())

    assert "delivery failed" in output
    for secret in (CREDENTIALS.decode(), "password", "example.com", "Hello"):
        assert secret not in output
