"""The other end of sessions in these tests: it takes every message and shows what it was."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
from collections.abc import AsyncIterator, Sequence

import prometheus_client

from mail_bridge.front import FrontProtocol, FrontSettings, front_server
from mail_bridge.smtp import Extensions, Reply
from mail_bridge.transaction import NextHopAway, OwnConnection, Transaction
from service_runtime.certificates import Certificate

LATER = Reply(451, (b"4.3.0 Given up",))
DELIVERED = Reply(250, (b"2.0.0 Queued",))

ALL_OF_THEM = Extensions(
    {
        b"SIZE": b"100000000",
        b"8BITMIME": b"",
        b"SMTPUTF8": b"",
        b"DSN": b"",
        b"ENHANCEDSTATUSCODES": b"",
        b"CHUNKING": b"",
        b"XFORWARD": b"NAME ADDR PROTO HELO SOURCE",
        b"AUTH": b"PLAIN LOGIN",
        b"ETRN": b"",
    }
)


class RecordingDelivery:
    """Answers what it is told to, recipient by recipient."""

    def __init__(self) -> None:
        self.transactions: list[Transaction] = []
        self.connections: list[OwnConnection | None] = []
        self.answers: list[Reply] = []
        """For recipients in order; whoever has none gets `DELIVERED`."""

        self.known: dict[int, Reply] = {}
        """What is given up with an answer, by the number of recipients up to the end."""

        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.has_begun = asyncio.Event()
        self.was_closed_early = asyncio.Event()
        self.error: Exception | None = None
        """Raised before the last answer, though deliveries do not."""

    @property
    def messages(self) -> list[bytes]:
        """What came in."""
        return [each.message for each in self.transactions]

    def deliver(
        self, transaction: Transaction, *, connection: OwnConnection | None = None
    ) -> "RecordingAnswers":
        """Take *transaction*."""
        self.transactions.append(transaction)
        self.connections.append(connection)
        self.has_begun.set()
        return RecordingAnswers(self, len(transaction.recipients))

    def answer(self) -> Reply:
        """Return the next recipient's."""
        return self.answers.pop(0) if self.answers else DELIVERED


class RecordingAnswers:
    """Those of one message."""

    def __init__(self, delivery: RecordingDelivery, recipients: int) -> None:
        self._delivery = delivery
        self._recipients = recipients
        self._left = recipients

    async def following(self) -> Reply:
        """Return the next one."""
        delivery = self._delivery
        if self._left < self._recipients or self._recipients == 1:
            await delivery.may_go_on.wait()
        if delivery.error is not None and self._left == 1:
            raise delivery.error
        await asyncio.sleep(0)
        self._left -= 1
        return delivery.answer()

    async def give_up(self) -> Sequence[Reply]:
        """Return what is known of the others, or that nothing is."""
        if self._left:
            self._delivery.was_closed_early.set()
        left, self._left = self._left, 0
        return [self._delivery.known.get(left - nth, LATER) for nth in range(left)]


class RecordingConnection:
    """A connection of one session, whose server says what it was told to."""

    def __init__(self, answers: list[Reply | NextHopAway]) -> None:
        self.lines: list[bytes] = []
        self.is_closed = False
        self.is_usable = True
        self._answers = answers

    async def exchange(self, line: bytes) -> Reply:
        """Answer *line*."""
        self.lines.append(line)
        answer = self._answers.pop(0)
        if isinstance(answer, NextHopAway):
            raise answer
        return answer

    async def close(self) -> None:
        """Note that it is over."""
        self.is_closed = True


@dataclasses.dataclass
class StatedNextHop:
    """A next hop that announces what a test says."""

    announces: Extensions = ALL_OF_THEM
    is_away: bool = False
    answers: list[Reply | NextHopAway] = dataclasses.field(default_factory=list)
    connections: list[RecordingConnection] = dataclasses.field(default_factory=list)

    async def extensions(self) -> Extensions:
        """Return them."""
        if self.is_away:
            raise NextHopAway("away")
        return self.announces

    async def connect(self) -> OwnConnection:
        """Return a connection that gives the answers."""
        if self.is_away:
            raise NextHopAway("away")
        connection = RecordingConnection(self.answers)
        self.connections.append(connection)
        return connection


@dataclasses.dataclass
class Front:
    """A listener that runs."""

    host: str
    port: int
    delivery: RecordingDelivery
    next_hop: StatedNextHop
    registry: prometheus_client.CollectorRegistry

    def counted(self, name: str, **labels: str) -> float:
        """Return the value of a metric."""
        return self.registry.get_sample_value(f"mail_bridge_{name}", labels) or 0.0


@contextlib.asynccontextmanager
async def running_front(
    protocol: FrontProtocol = FrontProtocol.LMTP,
    *,
    settings: FrontSettings | None = None,
    next_hop: StatedNextHop | None = None,
    certificate: Certificate | None = None,
    grace: dt.timedelta = dt.timedelta(seconds=30),
) -> AsyncIterator[Front]:
    """Run the listener on a free port."""
    settings = dataclasses.replace(
        settings or FrontSettings(), listen="127.0.0.1:0", protocol=protocol, hostname="bridge"
    )
    delivery = RecordingDelivery()
    next_hop = next_hop or StatedNextHop()
    registry = prometheus_client.CollectorRegistry()
    async with front_server(
        settings,
        delivery=delivery,
        next_hop=next_hop,
        registry=registry,
        certificate=certificate,
        grace=grace,
    ) as address:
        host, _, port = address.rpartition(":")
        yield Front(host, int(port), delivery, next_hop, registry)
