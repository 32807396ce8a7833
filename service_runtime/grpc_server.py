"""A gRPC server as people expect one: limits, keepalive, health, reflection, drain."""

import asyncio
import contextlib
import dataclasses
import functools
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from service_runtime.admission import OPEN_TO_ALL, Admission
from service_runtime.background import kept_running, running
from service_runtime.call_gate import CallGate
from service_runtime.certificates import Certificate
from service_runtime.descriptors import descriptors_for_connections
from service_runtime.drain import Drain
from service_runtime.errors import ServiceError
from service_runtime.grpc_credentials import server_credentials
from service_runtime.grpc_handlers import WrappingServer
from service_runtime.listen import ListenError, bound_address, require_free
from service_runtime.reach import without_ipv6

# gRPC's own default is 4 MiB.
DEFAULT_MAX_MESSAGE_OCTETS: Final = 4 * 1024 * 1024

# Calls at once, of all clients; a stream counts as one.
DEFAULT_MAX_CALLS: Final = 4_000

# Liveness.  A peer that is gone is noticed within about 40 s: a ping after 30 s of
# silence, 10 s to answer it.  By gRPC's own ping timeout a frozen peer would be
# noticed a minute later.  Clients may ping every 10 s; faster ones get GOAWAY.  Not
# max_connection_age, which ends streams with a status that is not ours, without a
# reason or a cursor: see ADR 0013.
LIVENESS: Final = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)

# How long a client may take to agree on keys; as for a request's head on other ports. gRPC
# has two minutes.
_HANDSHAKE_MS: Final = 20_000

# Clients keep connections on which they do not call: so many, or one for each call that may
# run.
_CONNECTIONS: Final = 4_000

# How long calls of a drain are held before they are refused: what a client needs to send
# its next call to the other side of an ocean.
_HOLD_SECONDS: Final = 0.1

# gRPC does not say when its connections were told to go away; it is done at once.
_GO_AWAY_SECONDS: Final = 0.02

# How often services are asked whether they can serve: a look at a variable each.
_HEALTH_SECONDS: Final = 1.0
_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING

logger = structlog.get_logger()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GrpcService:
    """One service to serve."""

    name: str
    """Its full name, such as `emailopens.injector.v1.InjectorService`."""

    add: Callable[[grpc.aio.Server], None]
    """Adds its servicer to a server."""

    can_serve: Callable[[], bool] = lambda: True
    """Whether it has what it needs; its health says so within a second or so."""


@contextlib.asynccontextmanager
async def grpc_server(  # noqa: PLR0913 - what services differ in, by its names
    *,
    listen: str,
    services: Sequence[GrpcService],
    status_codes: Mapping[type[ServiceError], grpc.StatusCode],
    drain: Drain,
    admission: Admission = OPEN_TO_ALL,
    has_reflection: bool = True,
    certificate: Certificate | None = None,
    max_message_octets: int = DEFAULT_MAX_MESSAGE_OCTETS,
    max_calls: int = DEFAULT_MAX_CALLS,
    reuse_port: bool = False,
    unix_socket: str | None = None,
) -> AsyncIterator[str]:
    """Serve *services* at *listen* (port 0 takes a free one) inside the block.

    By TLS if there is a *certificate*, and then by nothing else; but for *unix_socket*,
    where processes of this machine that may open it call, as they do at *listen*.

    Yields the address that is served.  The health of a service follows its `can_serve`;
    that of the server as a whole says that it answers.  Once the drain has begun, health
    says NOT_SERVING, and calls go on.  When the block ends, streams and running calls have
    the drain's grace to end; as long as streams run all calls are taken, and after that
    they are refused with `UNAVAILABLE` (DRAINING): see `call_gate`.

    Whoever *admission* does not admit is refused; health is everybody's.

    One connection may have half of *max_calls* at once, more wait in the client
    (HTTP/2's limit of streams); beyond *max_calls* of all connections a call ends with
    `RESOURCE_EXHAUSTED`.

    Raises:
        ListenError: the address is taken, not ours, or no address.
    """
    server = _new_server(max_message_octets, max_calls, reuse_port=reuse_port)
    gate = CallGate()
    wrapping = WrappingServer(server, gate=gate, admission=admission, status_codes=status_codes)
    _add_services(services, wrapping, has_reflection=has_reflection)
    health_servicer = _add_health(server)
    address = bound_address(listen, _bind(server, listen, certificate, reuse_port=reuse_port))
    if unix_socket is not None:
        _bind(server, unix_socket, None, reuse_port=False)
    await server.start()
    async with _telling_health(services, health_servicer, drain):
        logger.info("serving gRPC", address=address, tls=certificate is not None)
        try:
            yield address
        finally:
            await health_servicer.enter_graceful_shutdown()
            await _stop(server, gate, grace_seconds=drain.grace.total_seconds())


def _new_server(max_message_octets: int, max_calls: int, *, reuse_port: bool) -> grpc.aio.Server:
    options = [
        *LIVENESS,
        ("grpc.max_receive_message_length", max_message_octets),
        ("grpc.max_send_message_length", max_message_octets),
        # Half, because a call that has ended for its client still counts here for
        # a moment: one connection alone is never refused.
        ("grpc.max_concurrent_streams", max(max_calls // 2, 1)),
        # Calls that have arrived and were not looked at yet: gRPC drops some of those
        # beyond 1,000 and all beyond 3,000, with CANCELLED. As many as may run.
        ("grpc.server.max_pending_requests", max_calls),
        ("grpc.server.max_pending_requests_hard_limit", 2 * max_calls),
        ("grpc.server_handshake_timeout_ms", _HANDSHAKE_MS),
        # Also those that have not agreed on keys.
        ("grpc.max_allowed_incoming_connections", _most_connections(max_calls)),
        # On Linux gRPC shares ports unless told not to: a second instance would
        # silently take half of the calls.
        ("grpc.so_reuseport", int(reuse_port)),
    ]
    return grpc.aio.server(options=options, maximum_concurrent_rpcs=max_calls)


def _add_services(
    services: Sequence[GrpcService], wrapping: WrappingServer, *, has_reflection: bool
) -> None:
    for service in services:
        service.add(wrapping.as_server())
    if has_reflection:
        names = [*(each.name for each in services), health.SERVICE_NAME, reflection.SERVICE_NAME]
        # Not `enable_server_reflection`, which takes no server but gRPC's own for an async one.
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(  # type: ignore[no-untyped-call] # generated without types
            reflection.aio.ReflectionServicer(names), wrapping.as_server()
        )


def _most_connections(max_calls: int) -> int:
    # Half of what a process may have: it may serve pixels as well.
    return min(max(max_calls, _CONNECTIONS), max(descriptors_for_connections() // 2, 1))


def _add_health(server: grpc.aio.Server) -> health.aio.HealthServicer:
    health_servicer = health.aio.HealthServicer()
    # With a gate that stays open: health is asked for until the end, by whoever asks.
    wrapping = WrappingServer(server, gate=CallGate(), admission=OPEN_TO_ALL, status_codes={})
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, wrapping.as_server())
    return health_servicer


def _bind(
    server: grpc.aio.Server, listen: str, certificate: Certificate | None, *, reuse_port: bool
) -> int:
    # gRPC says what is wrong in lines of its own on standard error, and not to us.
    require_free(listen, reuse_port=reuse_port)
    try:
        with without_ipv6(listen) as address:
            if certificate is None:
                return server.add_insecure_port(address)
            return server.add_secure_port(address, server_credentials(certificate))
    except RuntimeError:
        # Taken since.  Not the cause: gRPC puts a page of its own file names into it.
        raise ListenError(f"cannot listen at {listen}: taken") from None


async def _stop(server: grpc.aio.Server, gate: CallGate, *, grace_seconds: float) -> None:
    ends_at = time.monotonic() + grace_seconds
    try:
        await gate.until_no_streams(seconds=grace_seconds)
        gate.close()
        await asyncio.sleep(min(_HOLD_SECONDS, grace_seconds))
        stopping = asyncio.ensure_future(server.stop(max(ends_at - time.monotonic(), 0)))
        await asyncio.sleep(_GO_AWAY_SECONDS)
    finally:
        gate.refuse()
    await stopping


@contextlib.asynccontextmanager
async def _telling_health(
    services: Sequence[GrpcService], health_servicer: health.aio.HealthServicer, drain: Drain
) -> AsyncIterator[None]:
    # The empty name stands for the server as a whole (gRPC health protocol).
    for name in ("", *(service.name for service in services)):
        await health_servicer.set(name, _SERVING)
    async with (
        kept_running("gRPC health", functools.partial(_follow_health, services, health_servicer)),
        running(_say_not_serving(drain, health_servicer)),
    ):
        yield


async def _follow_health(
    services: Sequence[GrpcService], health_servicer: health.aio.HealthServicer
) -> None:
    told: dict[str, bool] = {}
    while True:
        for service in services:
            can_serve = service.can_serve()
            if told.get(service.name) is not can_serve:
                told[service.name] = can_serve
                await health_servicer.set(service.name, _SERVING if can_serve else _NOT_SERVING)
        await asyncio.sleep(_HEALTH_SECONDS)


async def _say_not_serving(drain: Drain, health_servicer: health.aio.HealthServicer) -> None:
    await drain.wait()
    await health_servicer.enter_graceful_shutdown()
