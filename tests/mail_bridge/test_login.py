"""AUTH goes to the next hop, and the mail after it over the same connection."""

import dataclasses

from mail_bridge.front import FrontProtocol
from mail_bridge.next_hop import NextHopServer, NextHopTls
from mail_bridge.smtp import Reply
from tests.mail_bridge.a_bridge import FREE, TEXT, a_client
from tests.mail_bridge.a_next_hop import EXTENSIONS, ANextHop, Instead

SMTP = {"protocol": FrontProtocol.SMTP}
WITH_AUTH = (*EXTENSIONS, b"AUTH PLAIN")
PLAIN = b"AUTH PLAIN AHVzZXIAc2VjcmV0"
# Nobody makes pixels here.
QUICK = {"deadline_seconds": 0.1}
WELCOME = b"235 2.7.0 Welcome"


async def test_mail_goes_over_the_connection_that_logged_in() -> None:
    """The next hop knows who sends, and other sessions' mail is not taken for theirs."""
    hop = ANextHop({b"AUTH": WELCOME}, extensions=WITH_AUTH)
    async with a_client(hop, FREE, front=SMTP, greets=b"EHLO me", tracking=QUICK) as client:
        assert await client.ask(PLAIN) == Reply(235, (b"2.7.0 Welcome",))
        for _ in range(2):
            assert [each.code for each in await client.send(TEXT)] == [250]

    (one,) = {each.connection for each in hop.received}
    assert [each.message for each in hop.received] == [TEXT] * 2
    assert hop.commands.count(PLAIN) == 1
    assert hop.commands_of[one].count(PLAIN) == 1


async def test_session_ends_with_the_connection_that_logged_in() -> None:
    """A client that goes on as nobody would be refused for good."""
    hop = ANextHop({b"AUTH": WELCOME, b"MAIL": Instead.CLOSED}, extensions=WITH_AUTH)
    async with a_client(hop, FREE, front=SMTP, greets=b"EHLO me", tracking=QUICK) as client:
        await client.ask(PLAIN)
        assert [each.code for each in await client.send(TEXT)] == [451]
        assert (await client.ask(b"MAIL FROM:<a@example.org>")).code == 421
        assert await client.is_over()

    assert hop.received == []


async def test_password_goes_nowhere_where_others_may_listen() -> None:
    """A next hop on another machine gets one by TLS only, with a certificate that is its own."""
    far = NextHopServer(host="mail.example.org")
    assert not far.may_see_credentials
    assert dataclasses.replace(far, tls=NextHopTls.REQUIRED).may_see_credentials
    assert all(NextHopServer(host=each).may_see_credentials for each in ("127.0.0.1", "::1"))
