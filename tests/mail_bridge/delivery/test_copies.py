"""Each recipient gets a copy of their own, and whoever needs none shares one."""

import asyncio
import re

import pytest

from mail_bridge.front import FrontProtocol, SeveralRecipients
from mail_bridge.smtp import Reply
from service_runtime.key_ring import KeyRing
from tests.injector.running_service import unsealed
from tests.mail_bridge.a_bridge import HTML, TEXT, a_client
from tests.mail_bridge.a_next_hop import END, ANextHop, Instead
from tests.mail_bridge.delivery.a_delivery import a_delivery

PIXEL = re.compile(rb'<img src="[^"]*"[^>]*>(\r\n)?')


def pixels(message: bytes) -> list[bytes]:
    return re.findall(rb'<img src="([^"]*)"', message)


def message_id(message: bytes, ring: KeyRing) -> str:
    """Return what the pixel says of which message it is in."""
    (url,) = pixels(message)
    return unsealed(url.decode(), ring).message_id


NEWS = {"configuration_ids": ("news",)}


async def test_each_recipient_has_a_pixel_of_their_own(injector: str) -> None:
    """Three recipients are three messages, each with one pixel, and no other octet differs."""
    hop = ANextHop()
    async with a_client(hop, injector, tracking=NEWS) as client:
        replies = await client.send(
            HTML.replace(b"\r\n.", b"\r\n.."), b"a@example.net", b"b@example.net", b"c@example.net"
        )

    assert [each.code for each in replies] == [250] * 3
    assert sorted(recipient for each in hop.received for recipient in each.recipients) == [
        b"TO:<%c@example.net>" % name for name in b"abc"
    ]
    assert [len(pixels(each.message)) for each in hop.received] == [1] * 3
    assert len({pixels(each.message)[0] for each in hop.received}) == 3
    assert {PIXEL.sub(b"", each.message) for each in hop.received} == {HTML}


async def test_copies_of_a_client_that_has_gone_stay(injector: str) -> None:
    """It has to send all of them again, so those that are on their way are given up."""
    hop = ANextHop({END: Instead.SILENCE})
    async with a_delivery(hop, injector) as delivery:
        delivering = asyncio.create_task(delivery.deliver(HTML))
        await hop.silent.wait()
        delivering.cancel()
        await asyncio.wait([delivering])
        # Its connection.
        await hop.closed.acquire()


async def test_message_that_comes_again_is_the_same_message(
    injector: str, key_ring: KeyRing
) -> None:
    """An MTA that tries again makes no second message of it: the identity is the recipient's.

    It may have sent to more of them together the first time, and to another bridge.
    """
    hop = ANextHop({END: [b"451 4.3.2 Later", b"250 Ok"]})
    other = HTML.replace(b"Hello", b"Good-bye")
    async with a_client(hop, injector, tracking=NEWS) as client:
        await client.send(HTML, b"a@example.net", b"b@example.net")
        await client.send(HTML, b"b@example.net")
        await client.send(other, b"a@example.net")
    async with a_client(hop, injector, tracking=NEWS) as client:
        await client.send(HTML, b"a@example.net")

    found = [
        (recipient, b"Good-bye" in each.message, message_id(each.message, key_ring))
        for each in hop.received
        for recipient in each.recipients
    ]
    assert len(found) == 5
    # Two recipients of one message and one of another: as many identities, and no more.
    assert len(set(found)) == 3
    assert len({each for _, _, each in found}) == 3


async def test_recipients_of_untracked_mail_share_a_copy(injector: str) -> None:
    """What is the same for all goes to the next hop once, and each hears of their own refusal."""
    hop = ANextHop({b"RCPT": [b"250 Ok", b"550 5.1.1 Nobody", b"250 Ok"]})
    async with a_client(hop, injector, tracking=NEWS) as client:
        replies = await client.send(TEXT, b"a@example.net", b"b@example.net", b"c@example.net")

    (received,) = hop.received
    assert [each.code for each in replies] == [250, 550, 250]
    assert received.message == TEXT
    assert received.recipients == [b"TO:<a@example.net>", b"TO:<c@example.net>"]


async def test_mail_without_a_configuration_passes_untouched(injector: str) -> None:
    """Nobody asked for its tracking, which is the ordinary case."""
    hop = ANextHop()
    async with a_client(hop, injector) as client:
        replies = await client.send(HTML.replace(b"\r\n.", b"\r\n.."))

    assert [each.code for each in replies] == [250]
    assert [each.message for each in hop.received] == [HTML]


async def test_configuration_comes_from_a_header_field(injector: str) -> None:
    """The field decides before the default does, and is taken out."""
    hop = ANextHop()
    async with a_client(hop, injector, tracking={"configuration_ids": ("other",)}) as client:
        await client.send(b"X-Configuration-Id: news\r\n" + HTML.replace(b"\r\n.", b"\r\n.."))

    (received,) = hop.received
    assert len(pixels(received.message)) == 1
    assert PIXEL.sub(b"", received.message) == HTML


async def test_refusal_of_one_copy_touches_no_other(injector: str) -> None:
    """Each copy has a transaction of its own with an answer of its own."""
    hop = ANextHop({END: [b"250 Ok", b"554-5.6.0 No\r\n554 5.6.0 pixels here", b"250 Ok"]})
    async with a_client(hop, injector, tracking=NEWS, next_hop={"connections": 1}) as client:
        replies = await client.send(HTML, b"a@example.net", b"b@example.net", b"c@example.net")

    assert replies == [
        Reply(250, (b"Ok",)),
        Reply(554, (b"5.6.0 No", b"5.6.0 pixels here")),
        Reply(250, (b"Ok",)),
    ]


@pytest.mark.parametrize(("recipients", "copies"), [(1, 1), (100, 1), (101, 2), (250, 3)])
async def test_shared_copy_has_no_more_recipients_than_every_server_takes(
    injector: str, recipients: int, copies: int
) -> None:
    """RFC 5321 has servers take a hundred; more of them are another transaction."""
    hop = ANextHop()
    async with a_client(hop, injector) as client:
        replies = await client.send(TEXT, *(b"%d@example.net" % n for n in range(recipients)))

    assert [each.code for each in replies] == [250] * recipients
    assert len(hop.received) == copies
    assert sum(len(each.recipients) for each in hop.received) == recipients


async def test_one_answer_for_several_is_for_one_message(injector: str) -> None:
    """In SMTP with `pass` all recipients get the message as it came, in one transaction."""
    hop = ANextHop()
    front = {"protocol": FrontProtocol.SMTP, "several_recipients": SeveralRecipients.PASS}
    async with a_client(hop, injector, tracking=NEWS, front=front, greets=b"EHLO me") as client:
        await client.ask(b"MAIL FROM:<a@example.org>")
        await client.ask(b"RCPT TO:<b@example.net>", b"RCPT TO:<c@example.net>", b"DATA")
        await client.say(HTML.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        reply = await client.reply()

    assert reply.code == 250
    assert [each.message for each in hop.received] == [HTML]


async def test_strange_address_is_untracked_and_delivered(injector: str) -> None:
    """A recipient whom the injector does not know gets the message without a pixel."""
    hop = ANextHop()
    async with a_client(hop, injector, tracking=NEWS) as client:
        replies = await client.send(
            HTML.replace(b"\r\n.", b"\r\n.."), b"a@example.net", b"\xff\xfe@example.net"
        )

    assert [each.code for each in replies] == [250] * 2
    assert sorted(len(pixels(each.message)) for each in hop.received) == [0, 1]


@pytest.mark.parametrize(("room", "pixels_found"), [(0, 0), (2_000, 1)])
async def test_pixel_makes_no_message_too_large(
    injector: str, room: int, pixels_found: int
) -> None:
    """What the next hop would take as it is goes on as it is, if a pixel is too much for it."""
    hop = ANextHop(extensions=(b"PIPELINING", b"SIZE %d" % (len(HTML) + room)))
    async with a_client(hop, injector, tracking=NEWS) as client:
        replies = await client.send(HTML.replace(b"\r\n.", b"\r\n.."))

    assert [each.code for each in replies] == [250]
    assert [len(pixels(each.message)) for each in hop.received] == [pixels_found]
