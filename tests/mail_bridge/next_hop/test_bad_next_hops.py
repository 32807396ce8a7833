"""Whatever the next hop does, no message is lost and none is delivered twice by us."""

import asyncio

import pytest

from examples.pair import free_ports
from mail_bridge.next_hop import AWAY, NextHopProtocol
from mail_bridge.next_hop import pool as pool_
from mail_bridge.smtp import Extensions, Reply
from mail_bridge.transaction import NextHopAway
from service_runtime.background import running
from tests.mail_bridge.a_next_hop import END, EXTENSIONS, GREETING, OK, ANextHop, Instead
from tests.mail_bridge.next_hop.copies import TEXT, a_copy, a_pool

ORDINARY = {GREETING: b"220 next.example", b"DATA": b"354 Go on", b"EHLO": b"250 next.example"}
# Looks of a hundredth of a second each: a test that waits for longer has failed.
MANY = 3_000
NONSENSE = [b"HTTP/1.1 400 Bad Request", b"x" * 5_000, b"2", b"199 Hm", b"250-a\r\n251 b"]


@pytest.mark.guarantee("G10", "what nobody knows is tried again by whoever sent it")
@pytest.mark.parametrize("verb", [GREETING, b"EHLO", b"MAIL", b"RCPT", b"DATA", END])
@pytest.mark.parametrize(
    "instead", [*NONSENSE, b"334 Say more", b"\xff", Instead.CLOSED, Instead.CUT]
)
async def test_what_nobody_expects_is_try_again(verb: bytes, instead: bytes | Instead) -> None:
    """The client keeps the message, the connection is given up, and the next message arrives."""
    hop = ANextHop({verb: [instead, ORDINARY.get(verb, OK)]})
    async with a_pool(hop) as pool:
        first = await pool.send(a_copy())
        second = await pool.send(a_copy())

    assert first == [AWAY]
    assert [each.code for each in second] == [250]
    assert hop.connections == 2
    assert [each.message for each in hop.received[-1:]] == [TEXT]
    assert len(hop.received) == (2 if verb == END else 1)


@pytest.mark.parametrize("verb", [GREETING, b"EHLO", b"MAIL", b"RCPT", b"DATA", END])
async def test_silence_ends(verb: bytes) -> None:
    """A next hop that stalls is waited for until the time is over, and not for ever."""
    hop = ANextHop({verb: Instead.SILENCE})
    async with a_pool(hop, timeout_seconds=0.2, copy_seconds=0.4) as pool:
        assert await pool.send(a_copy()) == [AWAY]


async def test_kept_connection_that_stalls_is_waited_for_once() -> None:
    """A next hop that does not answer would not over another connection, and the client waits."""
    hop = ANextHop({b"MAIL": [OK, Instead.SILENCE]})
    async with a_pool(hop, timeout_seconds=0.2) as pool:
        await pool.send(a_copy())
        assert await pool.send(a_copy()) == [AWAY]

    # Under load the first may come to nothing, and then there is no kept connection.
    assert sum(each.startswith(b"MAIL") for each in hop.commands) <= 2


@pytest.mark.parametrize("verb", [GREETING, b"EHLO"])
async def test_server_that_takes_no_mail_refuses_no_message(verb: bytes) -> None:
    """What a server says of itself is no word about a message, not even for good."""
    hop = ANextHop({verb: b"554 5.3.2 No mail here"})
    async with a_pool(hop) as pool:
        assert await pool.send(a_copy()) == [AWAY]


@pytest.mark.parametrize("verb", [b"MAIL", b"RCPT", b"DATA", END])
async def test_end_of_its_connection_is_not_the_end_of_ours(verb: bytes) -> None:
    """421 would have our client hang up, and not hear of the other recipients."""
    hop = ANextHop({verb: b"421-4.3.2 Stopping\r\n421 4.3.2 now"})
    async with a_pool(hop) as pool:
        assert await pool.send(a_copy()) == [Reply(451, (b"4.3.2 Stopping", b"4.3.2 now"))]


async def test_next_hop_that_is_not_there_is_try_again() -> None:
    """Nobody listens: nothing is known of the message but that it is not there."""
    hop = ANextHop()
    async with a_pool(hop) as pool:
        pass

    assert await pool.send(a_copy(b"TO:<a@example.org>", b"TO:<b@example.org>")) == [AWAY, AWAY]


@pytest.mark.parametrize("instead", [Instead.CLOSED, Instead.CUT, b"421 4.4.2 Timeout", b"what"])
@pytest.mark.parametrize("verb", [b"MAIL", b"RCPT", b"DATA"])
async def test_kept_connection_that_dies_is_no_reason_to_defer(
    verb: bytes, instead: bytes | Instead
) -> None:
    """As long as no octet of the message was sent, it goes over another connection."""
    ordinary = ORDINARY.get(verb, OK)
    hop = ANextHop({verb: [ordinary, instead, ordinary]})
    async with a_pool(hop) as pool:
        replies = [await pool.send(a_copy()) for _ in range(2)]

    assert [each.code for (each,) in replies] == [250, 250]
    assert hop.connections == 2
    assert len(hop.received) == 2


async def test_connection_that_was_closed_while_idle_is_not_used() -> None:
    """The next message finds that out before it is sent."""
    hop = ANextHop()
    async with a_pool(hop) as pool:
        await pool.send(a_copy())
        hop.writers[0].close()
        await hop.writers[0].wait_closed()
        replies = await pool.send(a_copy())

    assert [each.code for each in replies] == [250]
    assert hop.connections == 2


@pytest.mark.parametrize("instead", [Instead.CLOSED, Instead.CUT, b"what"])
async def test_message_that_was_sent_is_not_sent_again(instead: bytes | Instead) -> None:
    """After its octets have gone nobody knows what became of it: the client decides."""
    hop = ANextHop({END: [OK, instead, OK]})
    async with a_pool(hop) as pool:
        replies = [await pool.send(a_copy()) for _ in range(2)]

    assert [each.code for (each,) in replies] == [250, 451]
    assert len(hop.received) == 2


async def test_second_connection_that_dies_is_the_last() -> None:
    """A message is tried once on a connection that was kept, and once on a new one."""
    hop = ANextHop({b"MAIL": [OK, Instead.CLOSED]})
    async with a_pool(hop) as pool:
        await pool.send(a_copy())
        replies = await pool.send(a_copy())

    assert replies == [AWAY]
    assert hop.connections == 2


@pytest.mark.parametrize("verb", [GREETING, b"EHLO", b"RCPT", END])
async def test_answer_to_nothing_is_not_the_next_ones(verb: bytes) -> None:
    """One reply too many would be taken for that to the next message."""
    answer = b"250 one\r\n250 two" if verb == b"EHLO" else ORDINARY.get(verb, OK) + b"\r\n550 more"
    hop = ANextHop({verb: [answer, ORDINARY.get(verb, OK)], b"RSET": b"250 Ok"})
    async with a_pool(hop) as pool:
        await pool.send(a_copy())
        replies = await pool.send(a_copy())

    assert [each.code for each in replies] == [250]
    assert hop.connections == 2


async def test_refusal_may_come_before_the_end_of_a_message() -> None:
    """A server that has seen enough says so, and the client hears why."""
    hop = ANextHop({b"DATA": b"354 Go on\r\n552 5.3.4 Too large"})
    async with a_pool(hop) as pool:
        assert await pool.send(a_copy()) == [Reply(552, (b"5.3.4 Too large",))]


async def test_consent_before_the_end_of_a_message_is_none() -> None:
    """Who says that all is well before all has come is not believed."""
    hop = ANextHop({b"DATA": b"354 Go on\r\n250 Fine"})
    async with a_pool(hop) as pool:
        assert await pool.send(a_copy()) == [AWAY]


async def test_message_to_nobody_is_not_sent() -> None:
    """A server that takes a message after it has refused all recipients gets none, nor commands."""
    hop = ANextHop({b"RCPT": [b"550 5.1.1 Nobody", OK]})
    hop.is_lenient = True
    async with a_pool(hop) as pool:
        assert await pool.send(a_copy()) == [Reply(550, (b"5.1.1 Nobody",))]
        assert [each.code for each in await pool.send(a_copy())] == [250]

    assert [(each.connection, each.message) for each in hop.received] == [(2, TEXT)]


async def test_no_more_connections_than_allowed() -> None:
    """Copies wait for a connection, and then all of them arrive."""
    hop = ANextHop()
    async with a_pool(hop, connections=3) as pool:
        replies = await asyncio.gather(*(pool.send(a_copy()) for _ in range(30)))

    assert [each.code for (each,) in replies] == [250] * 30
    assert hop.connections <= 3


async def test_wait_for_a_connection_ends() -> None:
    """Copies behind one that stalls are not kept for ever."""
    hop = ANextHop({END: Instead.SILENCE})
    async with a_pool(hop, connections=1, copy_seconds=0.3) as pool:
        replies = await asyncio.gather(*(pool.send(a_copy()) for _ in range(3)))

    assert replies == [[AWAY]] * 3


async def test_answers_of_lmtp_that_are_missing_are_try_again() -> None:
    """Of two recipients one is answered for before the next hop stalls."""
    hop = ANextHop({END: [b"250 Ok", Instead.SILENCE]}, is_lmtp=True)
    settings = {"protocol": NextHopProtocol.LMTP, "copy_seconds": 1.0}
    async with a_pool(hop, **settings) as pool:
        replies = await pool.send(a_copy(b"TO:<a@example.org>", b"TO:<b@example.org>"))

    # Under a load that leaves no time for anything neither is known.
    assert replies in ([Reply(250, (b"Ok",)), AWAY], [AWAY, AWAY])


async def test_extensions_are_asked_for_once() -> None:
    """Sessions in front share what is known, and ask together when nothing is."""
    hop = ANextHop()
    async with a_pool(hop) as pool:
        found = await asyncio.gather(*(pool.extensions() for _ in range(10)))
        await pool.send(a_copy())

    assert {frozenset(each.keywords) for each in found} == {
        frozenset(each.partition(b" ")[0] for each in EXTENSIONS)
    }
    assert hop.connections == 1


async def test_next_hop_that_is_away_announces_nothing() -> None:
    """What it announced earlier is no reason to take a message for it; it is back when it is."""
    hop = ANextHop(port=free_ports(1))
    async with a_pool(hop) as pool:
        await pool.extensions()
    await pool.send(a_copy())
    with pytest.raises(NextHopAway):
        await pool.extensions()
    assert pool.away is not None

    async with running(pool.watch()), hop.running():
        # Whoever asks is told as soon as it is known; until then the look may come first.
        for _ in range(MANY):
            if pool.away is None:
                break
            await asyncio.sleep(0.01)
        assert await pool.extensions() == Extensions.of(Reply(250, (b"next.example", *EXTENSIONS)))
    pool.close()


@pytest.mark.parametrize("renew_seconds", [60.0, 0.0])
async def test_connection_too_many_is_no_sign_that_it_is_away(
    renew_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A next hop that takes no more connections still has what it announced, and sessions go on."""
    monkeypatch.setattr(pool_, "_RENEW_SECONDS", renew_seconds)
    hop = ANextHop({GREETING: [b"220 next.example", b"421 4.7.0 Too many connections"]})
    async with a_pool(hop) as pool:
        known = await pool.extensions()
        with pytest.raises(NextHopAway):
            await pool.connect()
        assert await pool.extensions() == known
        assert pool.away is None
        assert [each.code for each in await pool.send(a_copy())] == [250]
