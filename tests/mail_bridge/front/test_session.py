"""Sessions of LMTP and SMTP, said word by word."""

import pytest

from mail_bridge.front import FrontProtocol, FrontSettings, SeveralRecipients
from mail_bridge.smtp import Extensions, Reply
from tests.mail_bridge.front.recording import (
    DELIVERED,
    StatedNextHop,
    running_front,
)
from tests.mail_bridge.talking_client import talking_to

MESSAGE = b"Subject: x\r\n\r\nHello\r\n"
MAIL, RCPT = b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.net>"
EHLO = b"EHLO client.example"


@pytest.mark.parametrize(
    ("protocol", "verb", "greeting"),
    [
        (FrontProtocol.LMTP, b"LHLO", b"bridge LMTP mail-bridge"),
        (FrontProtocol.SMTP, b"EHLO", b"bridge ESMTP mail-bridge"),
    ],
)
async def test_announces_what_the_next_hop_can_and_what_it_does_itself(
    protocol: FrontProtocol, verb: bytes, greeting: bytes
) -> None:
    """What is passed on is the next hop's to announce; how commands come in is the bridge's."""
    async with (
        running_front(protocol) as front,
        talking_to(front.host, front.port, greets_with=None) as client,
    ):
        said = await client.reply()
        announced = await client.ask(verb + b" client.example")

    assert said == Reply(220, (greeting,))
    assert announced.lines[0] == b"bridge"
    assert set(announced.lines[1:]) == {
        *(b"SIZE 67108864", b"PIPELINING", b"ENHANCEDSTATUSCODES", b"CHUNKING"),
        *(b"8BITMIME", b"SMTPUTF8", b"DSN", b"XFORWARD NAME ADDR PROTO HELO SOURCE"),
        *((b"AUTH PLAIN LOGIN",) if protocol is FrontProtocol.SMTP else ()),
    }


@pytest.mark.parametrize(
    ("hostname", "name"),
    [("mail.example", "mail.example"), ("my h\r\n250 öst", "my-h--250--st"), ("", "localhost")],
)
def test_name_is_one_word_whatever_the_machine_is_called(hostname: str, name: str) -> None:
    """What follows it in a greeting is read as something else."""
    assert FrontSettings(hostname=hostname).name == name


async def test_announces_nothing_that_the_next_hop_has_not() -> None:
    """A next hop without extensions gets mail that needs none, and MAIL without a size."""
    async with (
        running_front(FrontProtocol.SMTP, next_hop=StatedNextHop(Extensions())) as front,
        talking_to(front.host, front.port, greets_with=EHLO) as client,
    ):
        announced = await client.ask(EHLO)

    assert announced.lines[1:] == (b"PIPELINING",)


async def test_smaller_size_is_announced() -> None:
    """A message that the next hop does not take need not be sent."""
    next_hop = StatedNextHop(Extensions({b"SIZE": b"1000"}))
    async with (
        running_front(FrontProtocol.SMTP, next_hop=next_hop) as front,
        talking_to(front.host, front.port, greets_with=EHLO) as client,
    ):
        announced = await client.ask(EHLO)
        too_large = await client.ask(MAIL + b" SIZE=1001")
        forwarded = await client.ask(b"XFORWARD NAME=x")

    assert set(announced.lines[1:]) == {b"SIZE 1000", b"PIPELINING"}
    assert too_large.code == 552
    assert forwarded.code == 502


async def test_each_recipient_has_an_answer_with_lmtp() -> None:
    """What the next hop says of a recipient is said of that one, verbatim, in their order."""
    async with running_front() as front, talking_to(front.host, front.port) as client:
        front.delivery.answers = [
            DELIVERED,
            Reply(550, (b"5.1.1 no", b"5.1.1   such user\t")),
            Reply(451, (b"greylisted",)),
        ]
        replies = await client.send(MESSAGE, b"a@b.example", b"c@d.example", b"e@f.example")
        (transaction,) = front.delivery.transactions

    assert replies == [
        DELIVERED,
        Reply(550, (b"5.1.1 no", b"5.1.1   such user\t")),
        Reply(451, (b"greylisted",)),
    ]
    assert [each.address for each in transaction.recipients] == [
        *("a@b.example", "c@d.example", "e@f.example")
    ]
    assert transaction.message == MESSAGE
    assert not transaction.has_one_answer


async def test_answer_is_said_as_soon_as_it_is_known() -> None:
    """Nobody waits for those that come after, who may take minutes."""
    async with running_front() as front, talking_to(front.host, front.port) as client:
        front.delivery.may_go_on.clear()
        await client.ask(MAIL, RCPT, RCPT, b"DATA")
        await client.say(MESSAGE + b".\r\n")
        first = await client.reply()
        front.delivery.may_go_on.set()
        second = await client.reply()

    assert first == second == DELIVERED


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([DELIVERED, DELIVERED], 250),
        ([DELIVERED, Reply(550, (b"no",))], 550),
        ([Reply(550, (b"no",)), Reply(450, (b"later",))], 450),
    ],
)
async def test_one_answer_for_all_says_that_somebody_has_not_got_it(
    answers: list[Reply], expected: int
) -> None:
    """With SMTP nobody is taken for served who is not; what may help later comes first."""
    settings = FrontSettings(several_recipients=SeveralRecipients.PASS)
    async with (
        running_front(FrontProtocol.SMTP, settings=settings) as front,
        talking_to(front.host, front.port, greets_with=EHLO) as client,
    ):
        front.delivery.answers = answers
        await client.ask(MAIL, RCPT, RCPT, b"DATA")
        reply = await client.ask(MESSAGE + b".")
        after = await client.ask(b"NOOP")
        (transaction,) = front.delivery.transactions

    assert reply.code == expected
    assert after.code == 250
    assert transaction.has_one_answer
    assert len(transaction.recipients) == 2


async def test_second_recipient_is_asked_to_come_alone_with_smtp() -> None:
    """By default each message has one recipient, and clients come back for the others."""
    async with (
        running_front(FrontProtocol.SMTP) as front,
        talking_to(front.host, front.port, greets_with=EHLO) as client,
    ):
        first = await client.ask(MAIL, RCPT)
        second = await client.ask(RCPT)
        delivered = await client.ask(b"DATA", MESSAGE + b".")

    assert (first.code, second.code, delivered) == (250, 452, DELIVERED)
    assert second.lines[0].startswith(b"4.5.3 ")


async def test_parameters_are_passed_on_verbatim() -> None:
    """Whatever MAIL, RCPT and XFORWARD say goes on with every octet and capital letter."""
    mail = "FROM:<grüße@ex.example> SIZE=1000 BODY=8BITMIME SMTPUTF8 ret=Full ENVID=Ab+2Bc".encode()
    rcpt = (
        "TO:<@relay.example:Zoë@ex.example> NOTIFY=SUCCESS,delay ORCPT=utf-8;Zo\\x{EB}@x".encode()
    )
    forwarded = (b"NAME=host.example ADDR=192.0.2.1", b"PROTO=ESMTP HELO=+5Bx+5D SOURCE=REMOTE")
    async with running_front() as front, talking_to(front.host, front.port) as client:
        await client.ask(*(b"XFORWARD " + each for each in forwarded))
        await client.ask(b"mail " + mail, b"Rcpt " + rcpt, b"data", MESSAGE + b".")
        (transaction,) = front.delivery.transactions

    assert transaction.mail == mail
    assert transaction.recipients[0].line == rcpt
    assert transaction.recipients[0].address == "Zoë@ex.example"
    assert transaction.xforward == forwarded


async def test_nothing_of_one_message_is_left_for_the_next() -> None:
    """After a message, RSET or a new greeting, MAIL begins with nothing."""
    async with running_front() as front, talking_to(front.host, front.port) as client:
        await client.ask(b"XFORWARD NAME=first")
        await client.send(MESSAGE, b"first@example.net")
        await client.ask(b"XFORWARD NAME=second", MAIL, RCPT, b"RSET")
        no_sender = await client.ask(RCPT)
        await client.ask(b"XFORWARD NAME=third", MAIL, RCPT, b"LHLO again")
        no_sender_either = await client.ask(RCPT)
        await client.send(MESSAGE, b"fourth@example.net")
        first, fourth = front.delivery.transactions

    assert (no_sender.code, no_sender_either.code) == (503, 503)
    assert first.xforward == (b"NAME=first",)
    assert fourth.xforward == ()
    assert [each.address for each in fourth.recipients] == ["fourth@example.net"]


async def test_bounce_has_an_empty_sender() -> None:
    """`<>` is a sender, and no missing one."""
    async with running_front() as front, talking_to(front.host, front.port) as client:
        await client.ask(b"MAIL FROM:<>", RCPT, b"DATA", MESSAGE + b".")
        (transaction,) = front.delivery.transactions

    assert transaction.mail == b"FROM:<>"


SESSION = b"".join(
    [
        b"LHLO client.example\r\n",
        *(b"MAIL FROM:<a@example.com>\r\n", b"RCPT TO:<b@example.net>\r\n", b"RCPT TO:<>\r\n"),
        *(b"DATA\r\n", b"one\r\n..two\r\n.\r\n"),
        *(b"MAIL FROM:<a@example.com>\r\n", b"RCPT TO:<b@example.net>\r\n"),
        *(b"BDAT 5\r\n", b"thr\r\n", b"BDAT 7 LAST\r\n", b"MAIL\r\n."),
        *(b"NOOP\r\n", b"QUIT\r\n"),
    ]
)


@pytest.mark.parametrize("piece", [1, 2, 7, len(SESSION)])
async def test_commands_may_come_at_once_or_in_pieces(piece: int) -> None:
    """Pipelined commands are answered in order, wherever the network cuts them (RFC 2920)."""
    async with (
        running_front() as front,
        talking_to(front.host, front.port, greets_with=None) as client,
    ):
        for start in range(0, len(SESSION), piece):
            await client.say(SESSION[start : start + piece])
        codes = [(await client.reply()).code for _ in range(13)]
        is_over = await client.is_over()
        messages = front.delivery.messages

    assert codes == [220, 250, 250, 250, 501, 354, 250, 250, 250, 250, 250, 250, 221]
    assert is_over
    assert messages == [b"one\r\n.two\r\n", b"thr\r\nMAIL\r\n."]


async def test_envelope_is_answered_before_the_message_that_came_with_it() -> None:
    """A next hop may take minutes for a message, and clients wait for less for RCPT."""
    async with running_front() as front, talking_to(front.host, front.port) as client:
        front.delivery.may_go_on.clear()
        await client.say(b"\r\n".join([MAIL, RCPT, b"BDAT 3 LAST", b"abc"]))
        early = [(await client.reply()).code for _ in range(2)]
        front.delivery.may_go_on.set()
        delivered = await client.reply()

    assert early == [250, 250]
    assert delivered == DELIVERED


async def test_client_that_has_said_everything_still_gets_its_answers() -> None:
    """A client may end its side of the connection before it has heard the answers."""
    async with (
        running_front() as front,
        talking_to(front.host, front.port, greets_with=None) as client,
    ):
        await client.say(SESSION.removesuffix(b"QUIT\r\n"))
        client.writer.write_eof()
        codes = [(await client.reply()).code for _ in range(12)]
        is_over = await client.is_over()

    assert codes[-3:] == [250, 250, 250]
    assert is_over
    assert len(front.delivery.messages) == 2


async def test_old_greeting_of_smtp_is_answered_without_extensions() -> None:
    """HELO is for clients from before 1995, whose messages go through all the same."""
    async with (
        running_front(FrontProtocol.SMTP) as front,
        talking_to(front.host, front.port, greets_with=b"HELO client.example") as client,
    ):
        delivered = await client.ask(MAIL, RCPT, b"DATA", MESSAGE + b".")

    assert delivered == DELIVERED


async def test_next_hop_that_is_away_is_said_at_the_greeting() -> None:
    """Nobody knows what could be announced; the client comes again with its mail."""
    async with (
        running_front(next_hop=StatedNextHop(is_away=True)) as front,
        talking_to(front.host, front.port, greets_with=None) as client,
    ):
        await client.reply()
        refused = await client.ask(b"LHLO client.example")
        is_over = await client.is_over()

    assert refused.code == 421
    assert refused.lines[0].startswith(b"4.4.1 ")
    assert is_over


@pytest.mark.parametrize(
    ("protocol", "lines", "expected"),
    [
        (FrontProtocol.LMTP, b"EHLO x", b"500 5.5.1 "),
        (FrontProtocol.LMTP, b"HELO x", b"500 5.5.1 "),
        (FrontProtocol.LMTP, b"AUTH PLAIN AAAA", b"500 5.5.1 "),
        (FrontProtocol.SMTP, b"LHLO x", b"500 5.5.1 "),
        (FrontProtocol.SMTP, b"EHLO", b"501 5.5.4 "),
        (FrontProtocol.SMTP, b"HELO", b"501 5.5.4 "),
        (FrontProtocol.SMTP, b"STARTTLS", b"502 5.5.1 "),
        (FrontProtocol.LMTP, b"", b"500 5.5.2 "),
        (FrontProtocol.LMTP, b"   ", b"500 5.5.2 "),
        (FrontProtocol.LMTP, b"1234", b"500 5.5.2 "),
        (FrontProtocol.LMTP, b"NOOP\x00", b"500 5.5.2 "),
        (FrontProtocol.LMTP, b"NOOP\rQUIT", b"500 5.5.2 "),
        (FrontProtocol.LMTP, b"\xff\xfe", b"500 5.5.2 "),
        (FrontProtocol.LMTP, b"WHAT is this", b"500 5.5.1 "),
        (FrontProtocol.LMTP, b"EXPN list", b"502 5.5.1 "),
        (FrontProtocol.LMTP, b"TURN", b"502 5.5.1 "),
        (FrontProtocol.LMTP, b"VRFY somebody", b"252 2.0.0 "),
        (FrontProtocol.LMTP, b"VRFY", b"501 5.5.4 "),
        (FrontProtocol.LMTP, b"NOOP whatever", b"250 2.0.0 "),
        (FrontProtocol.LMTP, b"HELP", b"214 2.0.0 "),
        (FrontProtocol.LMTP, b"RSET", b"250 2.0.0 "),
        (FrontProtocol.LMTP, b"RSET now", b"501 5.5.4 "),
        (FrontProtocol.LMTP, b"QUIT now", b"501 5.5.4 "),
        (FrontProtocol.LMTP, b"MAIL", b"501 5.5.4 "),
        (FrontProtocol.LMTP, b"MAIL a@example.com", b"501 5.5.4 "),
        (FrontProtocol.LMTP, b"MAIL FROM:a@example.com", b"501 5.1.7 "),
        (FrontProtocol.LMTP, b"MAIL FROM:<a@example.com", b"501 5.1.7 "),
        (FrontProtocol.LMTP, b"MAIL FROM:<a b@example.com>", b"501 5.1.7 "),
        (FrontProtocol.LMTP, b"MAIL FROM:<a@example.com>SIZE=1", b"501 5.1.7 "),
        (FrontProtocol.LMTP, b"MAIL FROM:<a@example.com> SIZE=x", b"501 5.5.4 "),
        (FrontProtocol.LMTP, b"MAIL FROM:<a@example.com> SIZE=" + b"9" * 5000, b"552 5.3.4 "),
        (FrontProtocol.LMTP, MAIL + b"\r\n" + MAIL, b"503 5.5.1 "),
        (FrontProtocol.LMTP, RCPT, b"503 5.5.1 "),
        (FrontProtocol.LMTP, MAIL + b"\r\nRCPT b@example.net", b"501 5.5.4 "),
        (FrontProtocol.LMTP, MAIL + b"\r\nRCPT TO:<>", b"501 5.1.3 "),
        (FrontProtocol.LMTP, MAIL + b"\r\nRCPT TO:b@example.net", b"501 5.1.3 "),
        (FrontProtocol.LMTP, MAIL + b"\r\nXFORWARD NAME=x", b"503 5.5.1 "),
        (FrontProtocol.LMTP, b"XFORWARD", b"501 5.5.4 "),
        (FrontProtocol.LMTP, b"XFORWARD NAME", b"501 5.5.4 "),
        (FrontProtocol.LMTP, b"DATA", b"503 5.5.1 "),
        (FrontProtocol.LMTP, MAIL + b"\r\nDATA", b"503 5.5.1 "),
        (FrontProtocol.LMTP, b"\r\n".join([MAIL, RCPT, b"DATA now"]), b"501 5.5.4 "),
        (FrontProtocol.LMTP, b"BDAT 3 LAST\r\nabcNOOP\r\nBDAT 2\r\nab", b"503 5.5.1 "),
        (FrontProtocol.LMTP, MAIL + b"\r\nBDAT 3 LAST\r\nabc", b"503 5.5.1 "),
        (FrontProtocol.LMTP, b"\r\n".join([MAIL, RCPT, b"BDAT 2\r\nabDATA"]), b"503 5.5.1 "),
        (FrontProtocol.SMTP, b"AUTH", b"501 5.5.4 "),
        (FrontProtocol.SMTP, b"AUTH PLAIN two three", b"501 5.5.4 "),
        (FrontProtocol.SMTP, MAIL + b"\r\nAUTH PLAIN AAAA", b"503 5.5.1 "),
    ],
)
async def test_what_is_wrong_is_said_and_the_session_goes_on(
    protocol: FrontProtocol, lines: bytes, expected: bytes
) -> None:
    """Each mistake has its code, and a message can be sent after it."""
    greeting = b"LHLO c" if protocol is FrontProtocol.LMTP else EHLO
    async with (
        running_front(protocol) as front,
        talking_to(front.host, front.port, greets_with=greeting) as client,
    ):
        await client.say(lines if lines.endswith((b"abc", b"ab")) else lines + b"\r\n")
        await client.say(b"VRFY end-of-this\r\n")
        said: list[bytes] = []
        while not said or said[-1] != b"252 2.0.0 The next hop knows; send some mail\r\n":
            said.append((await client.reply()).octets())
        if expected.startswith(b"252"):
            said.append((await client.reply()).octets())
        await client.ask(b"RSET")
        delivered = await client.send(MESSAGE)

    assert said[-2].startswith(expected)
    assert delivered == [DELIVERED]


@pytest.mark.parametrize("lines", [MAIL, b"AUTH PLAIN AAAA"])
async def test_greeting_comes_first(lines: bytes) -> None:
    """What the client may say depends on the greeting, so nothing comes before it."""
    async with (
        running_front(FrontProtocol.SMTP) as front,
        talking_to(front.host, front.port, greets_with=None) as client,
    ):
        await client.reply()
        refused = await client.ask(lines)

    assert (refused.code, refused.lines[0][:6]) == (503, b"5.5.1 ")


@pytest.mark.parametrize(
    "line", [b"BDAT", b"BDAT x", b"BDAT -1", b"BDAT 1 FIRST", b"BDAT " + b"9" * 19]
)
async def test_chunk_without_a_size_ends_the_session(line: bytes) -> None:
    """Nobody knows where its octets end, and they could be commands."""
    async with running_front() as front, talking_to(front.host, front.port) as client:
        refused = await client.ask(MAIL, RCPT, line)
        is_over = await client.is_over()

    assert (refused.code, refused.lines[0][:6]) == (421, b"4.5.4 ")
    assert is_over
    assert front.delivery.messages == []


async def test_clients_that_are_not_trusted_say_nothing_of_where_mail_came_from() -> None:
    """XFORWARD is for the MTA whose mail it is, and no other client."""
    settings = FrontSettings(xforward_clients=())
    async with (
        running_front(settings=settings) as front,
        talking_to(front.host, front.port, greets_with=None) as client,
    ):
        await client.reply()
        announced = await client.ask(b"LHLO c")
        refused = await client.ask(b"XFORWARD NAME=x")

    assert not any(line.startswith(b"XFORWARD") for line in announced.lines)
    assert refused.code == 502


@pytest.mark.parametrize("protocol", list(FrontProtocol))
@pytest.mark.parametrize("error", [RuntimeError("broken"), TimeoutError(), StopAsyncIteration()])
async def test_delivery_that_fails_loses_nothing(error: Exception, protocol: FrontProtocol) -> None:
    """What is not foreseen leaves the mail with the client, and the session goes on."""
    greeting = b"LHLO c" if protocol is FrontProtocol.LMTP else EHLO
    settings = FrontSettings(several_recipients=SeveralRecipients.PASS)
    async with (
        running_front(protocol, settings=settings) as front,
        talking_to(front.host, front.port, greets_with=greeting) as client,
    ):
        front.delivery.error = error
        await client.ask(MAIL, RCPT, RCPT, b"DATA")
        await client.say(MESSAGE + b".\r\nVRFY end\r\n")
        said = [await client.reply()]
        while said[-1].code != 252:
            said.append(await client.reply())

    expected = [250, 451] if protocol is FrontProtocol.LMTP else [451]
    assert [each.code for each in said[:-1]] == expected
    assert said[-2].lines[0].startswith(b"4.3.0 ")


async def test_client_that_leaves_ends_its_delivery() -> None:
    """What is not on its way when a client leaves stays: the client has to send it again."""
    async with running_front() as front:
        front.delivery.may_go_on.clear()
        async with talking_to(front.host, front.port) as client:
            await client.ask(MAIL, *[RCPT] * 1_000, b"DATA")
            await client.say(MESSAGE + b".\r\n")
            await client.reply()
            client.writer.transport.abort()
        front.delivery.may_go_on.set()
        await front.delivery.was_closed_early.wait()
