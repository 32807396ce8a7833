"""TLS begins when the client asks for it, and nothing of before is believed after it."""

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from mail_bridge.front import FrontProtocol, FrontSettings
from mail_bridge.smtp import Reply
from service_runtime.certificates import Certificate
from service_runtime.tls_files import TlsFiles
from tests.fixtures.certificates import Authority
from tests.mail_bridge.front.recording import DELIVERED, StatedNextHop, running_front
from tests.mail_bridge.talking_client import talking_to

WELCOME = Reply(235, (b"2.7.0 Welcome",))
MAIL, RCPT = b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.net>"
MESSAGE = b"Subject: x\r\n\r\nHello\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Authority, Path]:
    return Authority.written(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def certificate(authority: tuple[Authority, Path], tmp_path: Path) -> Certificate:
    path, key = authority[0].issue().write(tmp_path)
    return Certificate(TlsFiles(certificate=path, key=key), port="front")


@pytest.fixture
def context(authority: tuple[Authority, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority[1]))


async def test_message_goes_through_tls(certificate: Certificate, context: ssl.SSLContext) -> None:
    """The client greets anew after it, and TLS is not announced a second time."""
    async with (
        running_front(certificate=certificate) as front,
        talking_to(front.host, front.port) as client,
    ):
        before = await client.ask(b"LHLO c")
        assert (await client.ask(b"STARTTLS")).octets().startswith(b"220 2.0.0 ")
        await client.start_tls(context)
        not_greeted = await client.ask(MAIL)
        after = await client.ask(b"LHLO c")
        again = await client.ask(b"STARTTLS")
        large = MESSAGE + b"x" * 1_000_000 + b"\r\n"
        delivered = [await client.send(MESSAGE), await client.send(large)]
        await client.ask(b"QUIT")
        is_over = await client.is_over()

    assert set(before.lines) - set(after.lines) == {b"STARTTLS"}
    assert (not_greeted.code, again.code) == (503, 503)
    assert delivered == [[DELIVERED], [DELIVERED]]
    assert front.delivery.messages == [MESSAGE, large]
    assert is_over


async def test_commands_that_come_with_it_are_not_obeyed(certificate: Certificate) -> None:
    """Somebody on the way could have put them before the client's own (CVE-2011-0411)."""
    async with (
        running_front(certificate=certificate) as front,
        talking_to(front.host, front.port) as client,
    ):
        await client.say(b"STARTTLS\r\n" + MAIL + b"\r\n")
        refused = await client.reply()
        is_over = await client.is_over()
        counted = front.counted("ended_sessions_total", reason="starttls")

    assert (refused.code, refused.lines[0][:6]) == (421, b"4.7.0 ")
    assert is_over
    assert counted == 1


@pytest.mark.parametrize("octets", [b"LHLO c\r\n", b"\x16\x03\x01\x00\x05hello", b""])
async def test_client_that_speaks_no_tls_is_let_go(octets: bytes, certificate: Certificate) -> None:
    """After the answer to STARTTLS nothing in the open is taken for a command; others go on."""
    async with running_front(certificate=certificate) as front:
        async with talking_to(front.host, front.port) as client:
            await client.ask(b"STARTTLS")
            await client.say(octets)
            if not octets:
                client.writer.write_eof()
            while await client.reader.read(1_000):
                pass
        async with talking_to(front.host, front.port) as other:
            delivered = await other.send(MESSAGE)

    assert delivered == [DELIVERED]
    assert len(front.delivery.messages) == 1


async def test_tls_can_be_required(certificate: Certificate, context: ssl.SSLContext) -> None:
    """Then nothing is said of a message, and no password, before it (RFC 3207 section 4)."""
    settings = FrontSettings(requires_tls=True)
    async with (
        running_front(FrontProtocol.SMTP, settings=settings, certificate=certificate) as front,
        talking_to(front.host, front.port, greets_with=b"EHLO c") as client,
    ):
        refused = [
            await client.ask(line)
            for line in (MAIL, RCPT, b"DATA", b"AUTH PLAIN AAAA", b"XFORWARD NAME=x")
        ]
        allowed = await client.ask(b"NOOP")
        await client.ask(b"STARTTLS")
        await client.start_tls(context)
        delivered = await client.ask(b"EHLO c", MAIL, RCPT, b"DATA", MESSAGE + b".")

    assert [each.octets()[:10] for each in refused] == [b"530 5.7.0 "] * 5
    assert (allowed.code, delivered) == (250, DELIVERED)


@pytest.mark.parametrize("has_certificate", [True, False])
async def test_clients_can_be_asked_for_a_certificate(
    authority: tuple[Authority, Path],
    context: ssl.SSLContext,
    tmp_path: Path,
    *,
    has_certificate: bool,
) -> None:
    """Whoever has none sends nothing, by TLS or without it."""
    path, key = authority[0].issue().write(tmp_path)
    files = TlsFiles(certificate=path, key=key, client_ca=authority[1])
    if has_certificate:
        context.load_cert_chain(*authority[0].issue("client").write(tmp_path, "client"))
    async with (
        running_front(certificate=Certificate(files, port="mail")) as front,
        talking_to(front.host, front.port) as client,
    ):
        refused = await client.ask(MAIL)
        await client.ask(b"STARTTLS")
        await client.start_tls(context)
        if has_certificate:
            await client.ask(b"LHLO c")
            assert await client.send(MESSAGE) == [DELIVERED]
        else:
            with pytest.raises((EOFError, OSError)):
                await client.ask(b"LHLO c")

    assert refused.code == 530
    assert len(front.delivery.messages) == has_certificate


@pytest.mark.parametrize(("lines", "code"), [([b"STARTTLS now"], 501), ([MAIL, b"STARTTLS"], 503)])
async def test_wrong_use_is_said(lines: list[bytes], code: int, certificate: Certificate) -> None:
    """STARTTLS has no argument, and comes before a message."""
    async with (
        running_front(certificate=certificate) as front,
        talking_to(front.host, front.port) as client,
    ):
        refused = await client.ask(*lines)

    assert refused.code == code


async def test_login_is_forgotten(certificate: Certificate, context: ssl.SSLContext) -> None:
    """Whatever was agreed on in the open is void (RFC 3207 section 4.2)."""
    next_hop = StatedNextHop(answers=[WELCOME])
    async with (
        running_front(FrontProtocol.SMTP, next_hop=next_hop, certificate=certificate) as front,
        talking_to(front.host, front.port, greets_with=b"EHLO c") as client,
    ):
        assert await client.ask(b"AUTH PLAIN AAAA") == WELCOME
        await client.ask(b"STARTTLS")
        await client.start_tls(context)
        await client.ask(b"EHLO c", MAIL, RCPT, b"DATA", MESSAGE + b".")

    assert front.delivery.connections == [None]
    assert [each.is_closed for each in next_hop.connections] == [True]


async def test_renewed_certificate_is_shown_at_once(
    authority: tuple[Authority, Path], context: ssl.SSLContext, tmp_path: Path
) -> None:
    """A certificate that is replaced needs no restart."""
    issued, key = authority[0].issue("first").write(tmp_path)
    certificate = Certificate(TlsFiles(certificate=issued, key=key), port="front")
    shown = []
    async with running_front(certificate=certificate) as front:
        for name in ("first", "second"):
            authority[0].issue(name).write(tmp_path)
            # Once more: the first look after a change may be in the middle of it.
            certificate.look()
            certificate.look()
            async with talking_to(front.host, front.port) as client:
                await client.ask(b"STARTTLS")
                await client.start_tls(context)
                shown.append(client.writer.get_extra_info("peercert")["subject"])

    assert shown == [((("commonName", "first"),),), ((("commonName", "second"),),)]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not here")
@pytest.mark.parametrize("protocol", list(FrontProtocol))
async def test_openssl_speaks_with_it(
    protocol: FrontProtocol, certificate: Certificate, authority: tuple[Authority, Path]
) -> None:
    """`openssl s_client -starttls smtp`, and `lmtp`, end in a session whose chain is verified."""
    async with running_front(protocol, certificate=certificate) as front:
        process = await asyncio.create_subprocess_exec(
            *("openssl", "s_client", "-starttls", protocol, "-crlf", "-quiet"),
            *("-connect", f"{front.host}:{front.port}"),
            *("-CAfile", authority[1], "-verify_return_error"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        verb = b"LHLO" if protocol is FrontProtocol.LMTP else b"EHLO"
        lines = [verb + b" c", MAIL, RCPT, b"DATA", b"Hello", b".", b"QUIT", b""]
        output, errors = await process.communicate(b"\n".join(lines))

    assert process.returncode == 0, errors
    assert output.endswith(b"250 2.0.0 Queued\r\n221 2.0.0 Bye\r\n")
    assert front.delivery.messages == [b"Hello\r\n"]
