"""Clients that others have written speak with the bridge."""

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from pathlib import Path

import pytest

from mail_bridge.front import FrontProtocol, FrontSettings, Limits, SeveralRecipients
from mail_bridge.smtp import Reply
from service_runtime.certificates import Certificate
from service_runtime.tls_files import TlsFiles
from tests.fixtures.certificates import Authority
from tests.mail_bridge.front.recording import Front, StatedNextHop, running_front

SENDER, READERS = "sender@example.com", ["a@example.net", "b@example.net", "c@example.net"]

# Otherwise the DNS is asked for the name of this machine.
HOSTNAME = "client.example"


def message() -> EmailMessage:
    """Return one as an application makes it."""
    mail = EmailMessage()
    mail["Subject"] = "Grüße"
    mail["From"], mail["To"] = SENDER, READERS[0]
    mail.set_content("Hello\n.\n..dots\nand ü\n")
    return mail


async def test_application_with_a_host_and_a_port_sends_mail(tmp_path: Path) -> None:
    """Python's smtplib: STARTTLS, AUTH and a message to one recipient after another."""
    authority, ca = Authority.written(tmp_path)
    path, key = authority.issue().write(tmp_path)
    certificate = Certificate(TlsFiles(certificate=path, key=key), port="front")
    next_hop = StatedNextHop(answers=[Reply(235, (b"2.7.0 Welcome",))])

    def send(front: Front) -> None:
        with smtplib.SMTP("localhost", front.port, HOSTNAME) as client:
            client.starttls(context=ssl.create_default_context(cafile=str(ca)))
            client.login("user", "password")
            for reader in READERS:
                assert client.send_message(message(), to_addrs=[reader]) == {}

    async with running_front(
        FrontProtocol.SMTP, next_hop=next_hop, certificate=certificate
    ) as front:
        await asyncio.to_thread(send, front)

    assert [each.recipients[0].address for each in front.delivery.transactions] == READERS
    assert b"\r\n.\r\n..dots\r\n" in front.delivery.messages[0]
    assert front.delivery.connections == next_hop.connections * 3


@pytest.mark.parametrize(
    ("several", "refused"),
    [(SeveralRecipients.PASS, set()), (SeveralRecipients.DEFER, set(READERS[1:]))],
)
async def test_application_with_several_recipients_hears_whom_to_try_again(
    several: SeveralRecipients, refused: set[str]
) -> None:
    """Smtplib sends to the others, and returns those who come later with their answers."""

    def send(front: Front) -> dict[str, tuple[int, bytes]]:
        with smtplib.SMTP("localhost", front.port, HOSTNAME) as client:
            return client.send_message(message(), to_addrs=READERS)

    settings = FrontSettings(several_recipients=several)
    async with running_front(FrontProtocol.SMTP, settings=settings) as front:
        found = await asyncio.to_thread(send, front)

    assert set(found) == refused
    assert {code for code, _ in found.values()} <= {452}
    assert len(front.delivery.transactions[0].recipients) == 3 - len(refused)


async def test_lmtp_client_sends_mail() -> None:
    """Smtplib's LMTP reads one answer only, so one recipient at a time."""

    def send(front: Front) -> None:
        with smtplib.LMTP("localhost", front.port, HOSTNAME) as client:
            for reader in READERS:
                client.send_message(message(), to_addrs=[reader])

    async with running_front() as front:
        await asyncio.to_thread(send, front)

    assert len(front.delivery.messages) == 3


async def test_message_that_is_refused_raises_in_the_application() -> None:
    """An answer that is no success reaches whoever sends, with its text."""

    def send(front: Front) -> None:
        with smtplib.SMTP("localhost", front.port, HOSTNAME) as client:
            client.send_message(message(), to_addrs=READERS[:1])

    settings = FrontSettings(limits=Limits(max_message_octets=100))
    async with running_front(FrontProtocol.SMTP, settings=settings) as front:
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            await asyncio.to_thread(send, front)

    assert refused.value.smtp_code == 552
