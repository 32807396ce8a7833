"""The connections of mail clients, bounded: how many, how slow, how much at once.

Who fetches images as browsers and proxies do meets none of these limits.  What goes
beyond one is cut off without a word to the log but a count: it costs an attacker nothing
to do it again.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, cast

import structlog
from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader

from pixel_service.endpoint.limits import (
    Bounded,
    ConnectionCounts,
    ConnectionLimits,
    Refusal,
)
from pixel_service.endpoint.prepared_response import PreparedResponse
from service_runtime.frames import frames_of
from service_runtime.networks import network_of

# What a client may send from one request to the next: a head, and a body that interests
# nobody. nginx takes heads of 33 kB, Apache of 800 kB; of more than 100 lines neither.
MAX_OCTETS: Final = 64 * 1024

# All connections together, of what no request has been made of yet: a thousand heads of
# the longest kind. A head of the usual length is read all the same.
_MAX_OCTETS_IN_ALL: Final = 64 * 1024 * 1024
_USUAL_OCTETS: Final = 4 * 1024

# How often connections are looked at that take too long.
_LOOK_SECONDS: Final = 1.0

# A connection on which nothing has happened for so long gives way to a new one when all
# places are taken. An answer takes a fraction of a second.
_IDLE_SECONDS: Final = 5.0

# How many of the oldest connections are looked at for one that gives way: 20 us.
_MAX_LOOKED_AT: Final = 200

# Between two lines about connections that were refused.
_LOG_SECONDS: Final = 10.0

_NO_STORE: Final[Mapping[str, str]] = {hdrs.CACHE_CONTROL: "no-store"}
BAD_REQUEST: Final = PreparedResponse(HTTPStatus.BAD_REQUEST, _NO_STORE)
FAILED: Final = PreparedResponse(HTTPStatus.INTERNAL_SERVER_ERROR, _NO_STORE)
TOO_LARGE: Final = PreparedResponse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _NO_STORE)

logger = structlog.get_logger()

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Connections(web.Server):
    """An HTTP server whose connections are bounded.

    *is_proxy* says of an address that it is a proxy of the operator's: it may have as many
    connections as there are places, and keeps them.
    """

    def __init__(
        self,
        handle: Handle,
        *,
        limits: ConnectionLimits,
        is_proxy: Callable[[str | None], bool] = lambda _: False,
        **options: Any,  # noqa: ANN401 - aiohttp's
    ) -> None:
        super().__init__(
            handle,
            request_factory=self._take_request,  # type: ignore[arg-type] # of our connections
        )
        self._event_loop = asyncio.get_running_loop()
        self._limits = limits
        self._is_proxy = is_proxy
        self._options = options
        self._open: dict[Bounded, None] = {}
        self._of_networks: Counter[str] = Counter()
        self._refused: Counter[Refusal] = Counter()
        self._logged_refused = 0
        self._logged_at = -_LOG_SECONDS
        self.octets = 0
        """Of what no request has been made of yet."""
        self.now = self._event_loop.time()
        """As of the last look: exact enough, and free."""
        self.deadline = self.now - limits.head_seconds
        """What began before this is late."""

    def __call__(self) -> "Connection":
        """Return what speaks HTTP on a new connection."""
        return Connection(self, loop=self._event_loop, **self._options)

    @property
    def counts(self) -> ConnectionCounts:
        """How many there are, and how many were refused."""
        return ConnectionCounts(open=len(self._open), refused=dict(self._refused))

    def _take_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: "Connection",
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        # For every request: what has arrived is one, and is being answered.
        self.octets -= protocol.octets
        protocol.octets = 0
        protocol.since = self.now
        protocol.has_asked = protocol.is_answering = True
        if protocol.is_half_closed:
            protocol.close()
        return web.BaseRequest(message, payload, protocol, writer, task, self._event_loop)

    def admit(self, connection: Bounded, address: str | None) -> bool:
        """Say whether there is a place for a new *connection* from *address*."""
        if not self._is_proxy(address):
            connection.network = network_of(address)
            if self._of_networks[connection.network] >= self._limits.for_each_network:
                self.refuse(Refusal.NETWORK)
                return False
        if len(self._open) >= self._limits.in_all and not self._close_an_idle_one():
            self.refuse(Refusal.IN_ALL)
            return False
        self._open[connection] = None
        if connection.network is not None:
            self._of_networks[connection.network] += 1
        return True

    def forget(self, connection: Bounded) -> None:
        """Free the place of *connection*, if it has one."""
        if connection not in self._open:
            return
        del self._open[connection]
        self.octets -= connection.octets
        connection.octets = 0
        network = connection.network
        if network is not None:
            self._of_networks[network] -= 1
            if not self._of_networks[network]:
                del self._of_networks[network]

    def takes(self, connection: Bounded, size: int) -> bool:
        """Say whether *size* octets more, of no request yet, are not too much; count them."""
        octets = connection.octets + size
        if octets > _USUAL_OCTETS and (
            octets > MAX_OCTETS or self.octets + size > _MAX_OCTETS_IN_ALL
        ):
            self.refuse(Refusal.OCTETS)
            return False
        if connection.octets == 0:
            connection.since = self.now
        connection.octets = octets
        self.octets += size
        return True

    def refuse(self, reason: Refusal) -> None:
        """Count a connection that was refused or cut off."""
        self._refused[reason] += 1

    async def look_after(self) -> None:
        """Cut off connections that take too long; for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self._look()

    def _look(self) -> None:
        self.now = self._event_loop.time()
        self.deadline = self.now - self._limits.head_seconds
        for connection in [each for each in self._open if each.is_late()]:
            self.refuse(Refusal.SLOW)
            self._end(connection)
        refused = self._refused.total()
        if refused > self._logged_refused and self.now - self._logged_at >= _LOG_SECONDS:
            logger.warning(
                "connections refused",
                count=refused - self._logged_refused,
                open=len(self._open),
                total={reason.value: count for reason, count in self._refused.items()},
            )
            self._logged_refused, self._logged_at = refused, self.now

    def _close_an_idle_one(self) -> bool:
        """Make room, so that whoever holds connections and says nothing keeps nobody out."""
        since = self._event_loop.time() - _IDLE_SECONDS
        for each in itertools.islice(self._open, _MAX_LOOKED_AT):
            if each.network is not None and each.since <= since:
                self.refuse(Refusal.IDLE)
                self._end(each)
                return True
        return False

    def _end(self, connection: Bounded) -> None:
        self.forget(connection)
        connection.force_close()


class Connection(web.RequestHandler):
    """One connection: aiohttp's, and what it has sent since its last request; see `Bounded`."""

    __slots__ = (
        "_pool",
        "has_asked",
        "is_answering",
        "is_half_closed",
        "network",
        "octets",
        "since",
    )

    def __init__(self, pool: Connections, **options: Any) -> None:  # noqa: ANN401 - aiohttp's
        super().__init__(pool, **options)
        self._pool = pool
        self.network: str | None = None
        self.octets = 0
        self.since = pool.now
        self.has_asked = self.is_half_closed = False
        self.is_answering = False
        """Until the handler says that it is done."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, if there is a place."""
        peer = transport.get_extra_info("peername")
        if not self._pool.admit(self, peer[0] if peer else None):
            cast("asyncio.Transport", transport).abort()
            return
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Read *data*, unless it is too much."""
        if self._pool.takes(self, len(data)):
            super().data_received(data)
            return
        # After a request it is a body that is too large, and that was answered.
        if self.transport is not None and not self.has_asked:
            self.transport.write(TOO_LARGE.octets(stays=False))
        self._pool.forget(self)
        self.force_close()

    def is_late(self) -> bool:
        """Say so of a request, and of a connection that has asked nothing yet."""
        if self.is_answering or self.since > self._pool.deadline:
            return False
        return not self.has_asked or self.octets > 0

    def eof_received(self) -> bool | None:  # type: ignore[override] # as asyncio has it
        """Answer what was asked, though the client sends no more (RFC 9112 section 9.6)."""
        if self.ssl_context is not None:  # TLS ends both ways at once
            return None
        if self.is_answering:
            self.close()
        elif self.octets == 0:
            return None
        else:
            # If it is not a whole request it never will be one: late at the next look but one.
            self.since = self._pool.deadline + _LOOK_SECONDS
        self.is_half_closed = True
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        """Free the place."""
        self._pool.forget(self)
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp's; it may hold what was sent
    ) -> web.StreamResponse:
        """Return an answer that says nothing of the server or of what it was sent."""
        self._log_fault(exc)
        response = BAD_REQUEST if status == HTTPStatus.BAD_REQUEST else FAILED
        return response.answer(request, is_last=True)

    def log_exception(self, *_: object, **options: Any) -> None:  # noqa: ANN401 - aiohttp's
        """Log what aiohttp would, without the address, and the octets that it stumbled over."""
        self._log_fault(options.get("exc_info"))

    def _log_fault(self, error: object) -> None:
        # What a client breaks is no fault: anybody could fill the log with it.
        if not isinstance(error, HttpProcessingError | web.RequestPayloadError):
            frames = frames_of(error) if isinstance(error, BaseException) else []
            logger.error("request not handled", error=type(error).__name__, frames=frames)
