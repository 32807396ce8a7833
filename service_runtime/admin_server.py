"""What operators' tools ask a process over HTTP: is it alive, is it ready, its metrics.

`GET /healthz` answers 200 as long as the process runs its event loop.  `GET /readyz`
answers 200 or 503 with one line for each condition; that no background task is down is
one of every process.  `GET /metrics` is the
Prometheus text format.  It belongs on an address of its own, which the public does
not reach.
"""

import contextlib
import dataclasses
import datetime as dt
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import prometheus_client
import structlog
from aiohttp import web
from prometheus_client.registry import Collector

from service_runtime.background import tasks_down
from service_runtime.certificates import Certificate
from service_runtime.drain import Drain
from service_runtime.http_port import ConnectionLimits, serving_http

# Longer than the time between two questions of Prometheus, a minute as a rule.
DEFAULT_IDLE: Final = dt.timedelta(seconds=75)

# Tools are few, and nobody has all the connections.
_LIMITS: Final = ConnectionLimits(in_all=200, of_network=50)

logger = structlog.get_logger()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One thing that must hold for a process to be ready, or that it says of itself."""

    name: str
    holds: bool
    detail: str = ""
    """What an operator should know, in words without personal data."""
    is_required: bool = True
    """Whether a process without it is not ready."""


def not_draining(drain: Drain) -> Condition:
    """Return that a process is not about to end."""
    return Condition(name="not draining", holds=not drain.is_draining)


def registry_of(*collectors: Collector) -> prometheus_client.CollectorRegistry:
    """Return what exposes the metrics of *collectors*, and no others."""
    registry = prometheus_client.CollectorRegistry()
    for each in collectors:
        registry.register(each)
    return registry


@contextlib.asynccontextmanager
async def admin_server(
    *,
    listen: str,
    conditions: Callable[[], Sequence[Condition]],
    registry: prometheus_client.CollectorRegistry,
    certificate: Certificate | None = None,
    reuse_port: bool = False,
    idle: dt.timedelta = DEFAULT_IDLE,
) -> AsyncIterator[str]:
    """Answer operators' tools at *listen* inside the block; yields the address.

    Connections on which nothing has been asked for *idle* are closed, however many octets
    of a request have come.

    By TLS if there is a *certificate*, and then by nothing else.  Where clients must show
    one, too, each connection has one answer: whoever is no longer believed gets no other.

    Raises:
        ListenError: the address is taken, not ours, or no address.
    """
    async with serving_http(
        _application(conditions, registry, certificate),
        listen,
        certificate,
        limits=_LIMITS,
        reuse_port=reuse_port,
        idle=idle,
    ) as address:
        logger.info("serving operators' tools", address=address, tls=certificate is not None)
        yield address


def _application(
    conditions: Callable[[], Sequence[Condition]],
    registry: prometheus_client.CollectorRegistry,
    certificate: Certificate | None,
) -> web.Application:
    async def health(_: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def readiness(_: web.Request) -> web.Response:
        found = [*conditions(), _background_condition()]
        text = "".join(
            f"{each.name}: {'yes' if each.holds else 'no'} {each.detail}".rstrip() + "\n"
            for each in found
        )
        is_ready = all(each.holds for each in found if each.is_required)
        return web.Response(text=text, status=200 if is_ready else 503)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=prometheus_client.generate_latest(registry),
            headers={"Content-Type": prometheus_client.CONTENT_TYPE_LATEST},
        )

    async def close_after(_: web.Request, response: web.StreamResponse) -> None:
        response.force_close()

    application = web.Application()
    if certificate is not None and certificate.asks_clients:
        application.on_response_prepare.append(close_after)
    application.router.add_get("/healthz", health)
    application.router.add_get("/readyz", readiness)
    application.router.add_get("/metrics", metrics)
    return application


def _background_condition() -> Condition:
    down = tasks_down()
    return Condition(
        name="background tasks run",
        holds=not down,
        detail=f"(down: {', '.join(down)}; the log says why)" if down else "",
    )
