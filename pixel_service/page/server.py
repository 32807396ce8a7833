"""Serves the page: a client of the contract, as any other."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import functools
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import grpc
import structlog

from pixel_service.page.application import new_application
from pixel_service.page.calling import patient
from pixel_service.page.headers import hosts_of_loopback
from pixel_service.page.login import add_login
from pixel_service.page.routes import add_views
from pixel_service.page.sessions import Sessions
from pixel_service.page.visit import Visit
from pixel_service.page.visitors import Everybody, KeyHolders, Visitors
from service_runtime.background import kept_running
from service_runtime.certificates import Certificate
from service_runtime.http_port import ConnectionLimits, serving_http
from service_runtime.listen import split_address
from service_runtime.reach import is_local

# Browsers keep some six connections each.
_CONNECTIONS: Final = 500
_OF_NETWORK: Final = 100

# Between two pages of somebody who reads.
_IDLE: Final = dt.timedelta(seconds=75)

# The log process is on this machine, and back within a second when it was replaced; by gRPC's
# own waits, people would be told for two minutes that it does not answer.
_CHANNEL: Final = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)

_BETWEEN_FORGETTING: Final = dt.timedelta(minutes=1)

logger = structlog.get_logger()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PageSettings:
    """How the page is served."""

    listen: str
    service: str
    """Where the pixel service is called."""

    hosts: Sequence[str]
    """What a proxy in front calls the page."""

    asks_for_keys: bool
    """Whether whoever looks must show an API key."""

    is_proxy: Callable[[str | None], bool]
    """Whether an address is that of a proxy in front."""

    grace: dt.timedelta
    """How long answers may take when the page ends."""

    reuse_port: bool = False
    """Whether another instance may listen there, too, to take over."""


@contextlib.asynccontextmanager
async def page_server(
    settings: PageSettings,
    certificate: Certificate | None,
    *,
    injector: grpc.aio.Channel | None = None,
) -> AsyncIterator[str]:
    """Serve the page inside the block; yields the address.

    Args:
        settings: how it is served.
        certificate: that by which TLS is spoken; None: it is not.
        injector: to the service that messages are tested with; None: there is none.

    Raises:
        ListenError: the address is taken, not ours, or no address.
    """
    async with grpc.aio.insecure_channel(settings.service, options=_CHANNEL) as opened:
        channel = patient(opened)
        holders = KeyHolders(channel=channel, injector=injector)
        visitors: Visitors = holders
        if not settings.asks_for_keys:
            visitors = Everybody(visit=Visit(channel=channel, injector=injector))
        hosts = _hosts_of(settings, has_tls=certificate is not None)
        application = new_application(visitors, hosts=hosts)
        if settings.asks_for_keys:
            add_login(application, holders)
        add_views(application)
        forget = functools.partial(_forget_keys, holders.sessions)
        async with (
            kept_running("sessions of the page", forget),
            serving_http(
                application,
                settings.listen,
                certificate,
                limits=_limits_of(settings),
                reuse_port=settings.reuse_port,
                idle=_IDLE,
                grace=settings.grace,
            ) as address,
        ):
            logger.info("serving the page", address=address, tls=certificate is not None)
            yield address


def _limits_of(settings: PageSettings) -> ConnectionLimits:
    """Return how many may be connected; to a proxy on this machine all have one address."""
    of_network = _CONNECTIONS if is_local(settings.listen) else _OF_NETWORK
    return ConnectionLimits(in_all=_CONNECTIONS, of_network=of_network, is_proxy=settings.is_proxy)


async def _forget_keys(sessions: Sessions) -> None:
    """Forget keys whose sessions have ended, also when nobody looks."""
    while True:
        await asyncio.sleep(_BETWEEN_FORGETTING.total_seconds())
        sessions.forget_ended()


def _hosts_of(settings: PageSettings, *, has_tls: bool) -> list[str] | None:
    """Return what the page may be called where only this machine reaches it; None: anything."""
    _, port = split_address(settings.listen)
    if not is_local(settings.listen) or not port:
        return None
    own = hosts_of_loopback(settings.listen, has_tls=has_tls)
    return [*own, *(host.lower() for host in settings.hosts)]
