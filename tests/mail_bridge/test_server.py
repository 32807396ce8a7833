"""What operators and filters see of a bridge that runs."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from examples.pair import HOST, free_ports
from mail_bridge.filter import Answer, Question, Verdict
from mail_bridge.filter.asking import ask
from mail_bridge.front import FrontProtocol, SeveralRecipients
from tests.mail_bridge.a_bridge import HTML, TEXT, a_bridge, a_client
from tests.mail_bridge.a_next_hop import EXTENSIONS, GREETING, ANextHop, Instead

# Looks a hundredth of a second apart, until something is seen.
MANY = 3_000

NOBODY = f"{HOST}:1"


async def asked(admin: str, path: str) -> tuple[int, str]:
    """Return status and text of what operators' tools ask."""
    async with aiohttp.ClientSession() as session, session.get(f"http://{admin}{path}") as answer:
        return answer.status, await answer.text()


async def asked_until(admin: str, status: int, words: str) -> None:
    """Ask whether it is ready until that is the answer."""
    for _ in range(MANY):
        found = await asked(admin, "/readyz")
        if found[0] == status and words in found[1]:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(found)


async def test_bridge_without_an_injector_is_ready() -> None:
    """Mail passes, so nobody needs another bridge; but operators see it."""
    admin = f"{HOST}:{free_ports(1)}"
    hop = ANextHop()
    async with hop.running(), a_bridge(hop, NOBODY, admin=admin):
        await asked_until(admin, 200, "injector answers: no (mail goes on untracked)\n")
        await asked_until(admin, 200, "next hop takes mail: yes\n")


async def test_bridge_without_a_next_hop_is_not_ready() -> None:
    """It says why; and is ready when the next hop is back, though no mail has come."""
    admin = f"{HOST}:{free_ports(1)}"
    hop = ANextHop(port=free_ports(1))
    async with a_bridge(hop, NOBODY, admin=admin):
        await asked_until(admin, 503, "next hop takes mail: no (cannot be reached: ")
        async with hop.running():
            await asked_until(admin, 200, "next hop takes mail: yes\n")


@pytest.mark.parametrize(
    ("greeting", "reason"),
    [
        (Instead.SILENCE, "does not greet: it is no SMTP server, or has no time"),
        (b"HTTP/1.1 400 Bad Request", "does not speak SMTP: a line without a code"),
        (b"SSH-2.0-OpenSSH_9.2", "does not speak SMTP: a line without a code"),
    ],
)
async def test_next_hop_that_is_no_smtp_server_is_named_as_such(
    greeting: bytes | Instead, reason: str
) -> None:
    """Operators read in the readiness what is wrong with whoever listens there."""
    admin = f"{HOST}:{free_ports(1)}"
    hop = ANextHop({GREETING: greeting})
    timeout = {"timeout_seconds": 0.2}
    async with hop.running(), a_bridge(hop, NOBODY, admin=admin, next_hop=timeout):
        await asked_until(admin, 503, f"next hop takes mail: no ({reason})\n")


async def test_mail_is_counted() -> None:
    """By what became of it, with no word of the mail."""
    admin = f"{HOST}:{free_ports(1)}"
    hop = ANextHop({b"RCPT": [b"250 Ok", b"550 5.1.1 No", b"450 4.2.0 Later"]})
    async with a_client(hop, NOBODY, admin=admin) as client:
        await asked_until(admin, 200, "injector answers: no")
        await client.send(TEXT, b"a@example.net", b"b@example.net", b"c@example.net")
        _, text = await asked(admin, "/metrics")

    lines = text.splitlines()
    assert 'mail_bridge_untracked_total{reason="injector_away"} 3.0' in lines
    for answer in ("delivered", "refused", "deferred"):
        assert f'mail_bridge_answers_total{{answer="{answer}"}} 1.0' in lines
    assert "example" not in text


async def test_filters_are_answered(injector: str, tmp_path: Path) -> None:
    """One copy with its pixel, whatever its line ends; a message that has none says why."""
    path = tmp_path / "filter"
    hop = ANextHop()
    tracking = {"configuration_ids": ("news",)}
    message = HTML.replace(b"\r\n", b"\n")
    async with hop.running(), a_bridge(hop, injector, filter_socket=path, tracking=tracking):
        tracked = await asyncio.to_thread(asked_by_filter, path, message)
        plain = await asyncio.to_thread(asked_by_filter, path, TEXT)

    (splice,) = tracked.splices
    assert tracked.verdict is Verdict.TRACKED
    assert b"<img" in splice.insert
    assert b"\r" not in splice.insert
    assert (plain.verdict, plain.reason) == (Verdict.UNTRACKED, "no_html_part")


async def test_filter_hears_that_the_injector_is_away(tmp_path: Path) -> None:
    """That may be over later, which the filter's own setting is about."""
    path = tmp_path / "filter"
    admin = f"{HOST}:{free_ports(1)}"
    hop = ANextHop()
    async with hop.running(), a_bridge(hop, NOBODY, filter_socket=path, admin=admin):
        await asked_until(admin, 200, "injector answers: no")
        answer = await asyncio.to_thread(asked_by_filter, path, HTML)

    assert (answer.verdict, answer.reason) == (Verdict.FAILED, "injector_away")


def asked_by_filter(path: Path, message: bytes) -> Answer:
    """Ask as `mail-bridge filter` does."""
    return ask(str(path), Question("reader@example.net", message).octets(), seconds=50)


async def test_next_hop_is_told_where_each_message_came_from() -> None:
    """What the client says by XFORWARD comes before each copy of that message, and no other."""
    hop = ANextHop(extensions=(*EXTENSIONS, b"XFORWARD NAME"))
    async with a_client(hop, NOBODY, tracking={"deadline_seconds": 0.1}) as client:
        await client.ask(b"XFORWARD NAME=first")
        assert [each.code for each in await client.send(TEXT)] == [250]
        assert [each.code for each in await client.send(TEXT)] == [250]

    forwarded = [each for each in hop.commands if each.startswith((b"XFORWARD", b"MAIL"))]
    assert [each.partition(b" ")[0] for each in forwarded] == [b"XFORWARD", b"MAIL", b"MAIL"]
    assert forwarded[0] == b"XFORWARD NAME=first"


async def test_refusal_of_one_recipient_is_everybody_s_where_there_is_one_answer() -> None:
    """Somebody who has the message already would get it again when the client comes again."""
    hop = ANextHop({b"RCPT": [b"250 Ok", b"450 4.2.1 Not now"]})
    front = {"protocol": FrontProtocol.SMTP, "several_recipients": SeveralRecipients.PASS}
    tracking = {"deadline_seconds": 0.1}
    async with a_client(hop, NOBODY, greets=b"EHLO me", front=front, tracking=tracking) as client:
        await client.ask(b"MAIL FROM:<a@example.org>", b"RCPT TO:<b@example.net>")
        await client.ask(b"RCPT TO:<c@example.net>", b"DATA")
        assert (await client.ask(TEXT + b".")).code == 450

    assert hop.received == []
