"""Puts the pixel service together: the processes that it runs in, or one that does everything.

    supervisor ─┬─ endpoint process, one or more: pixels, journal
                ├─ log process: records the journals, serves gRPC
                └─ page process, if there is a page: a client of the log process

What answers mail clients ends first, and the log process last, so that it records what
came until then.
"""

import asyncio
import contextlib
import dataclasses
import functools
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from pixel_service.endpoint import listening_for_pixels, stop_listening
from pixel_service.intake import RecentFetches
from pixel_service.settings import Settings
from pixel_service.start_check import REFUSALS, check
from service_runtime import process
from service_runtime.admin_server import admin_server, not_draining
from service_runtime.background import first_of, running
from service_runtime.certificates import following_certificates
from service_runtime.drain import Drain
from service_runtime.garbage import keep_start_up
from service_runtime.listen import address_of
from service_runtime.worker_process import END, LEAVE, Report, Worker
from service_runtime.workers import run_workers

# How far the log process steps back where processes compete for a core: mail clients wait
# for their answers, and what is kept can wait.
_LOG_NICENESS: Final = 10

logger = structlog.get_logger()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where a running service is, as `host:port`."""

    http: str
    grpc: str
    admin: str
    page: str | None = None


async def serve(
    settings: Settings, drain: Drain, *, on_ready: Callable[[Addresses], None] | None = None
) -> None:
    """Run the whole pixel service in this process until *drain* begins.

    Args:
        settings: how to run.
        drain: announces the end.
        on_ready: called with the addresses once everything is served.

    Raises:
        One of REFUSALS: it cannot run as it was told.
    """
    from pixel_service.endpoint_process import running_endpoint  # noqa: PLC0415 - as below
    from pixel_service.log_process import LogProcess  # noqa: PLC0415 - a supervisor loads none
    from pixel_service.page_process import running_page  # noqa: PLC0415 - of them

    check(settings)
    grpc_address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    endpoint_ended = asyncio.Event()

    def on_serving(address: str) -> None:
        if not grpc_address.done():
            grpc_address.set_result(address)

    async with contextlib.AsyncExitStack() as stack:
        files = settings.protection.tls_files("grpc", "http", "admin", "page")
        certificates = await stack.enter_async_context(following_certificates(files))
        log = LogProcess(settings, certificates.get("grpc"))
        (sockets,) = stack.enter_context(_listening(settings))
        serving = log.serve(drain, on_serving=on_serving, until=endpoint_ended.wait)
        serving_log = asyncio.create_task(serving)
        recent = RecentFetches.new()
        http = address_of(settings.http, sockets)
        try:
            async with (
                running_endpoint(
                    settings,
                    sockets,
                    recent=recent,
                    certificate=certificates.get("http"),
                ) as endpoint,
                admin_server(
                    listen=settings.admin,
                    conditions=lambda: [
                        *endpoint.conditions(),
                        *log.conditions(are_required=False),
                        not_draining(drain),
                    ],
                    registry=_registry_of(endpoint.metrics, log.metrics, certificates),
                    certificate=certificates.get("admin"),
                ) as admin,
                running_page(settings, certificates.get("page")) as page,
                running(_announce(on_ready, grpc_address, http=http, admin=admin, page=page)),
            ):
                await first_of(drain.wait(), asyncio.shield(serving_log))
                if drain.is_draining and settings.reuse_port:
                    await endpoint.hand_over()
        finally:
            drain.begin()
            endpoint_ended.set()
            await serving_log


async def _announce(
    on_ready: Callable[[Addresses], None] | None,
    grpc_address: asyncio.Future[str],
    *,
    http: str,
    admin: str,
    page: str | None,
) -> None:
    address = await grpc_address
    if on_ready is not None:
        on_ready(Addresses(http=http, grpc=address, admin=admin, page=page))


async def supervise(
    settings: Settings, drain: Drain, *, set_up_logging: Callable[[], None]
) -> None:
    """Run the pixel service in several processes until *drain* begins.

    SIGHUP replaces them, one after the other, without a fetch that fails.

    Raises:
        WorkersFailed, and what `serve` raises: it cannot run as it was told.
    """
    check(settings)
    recent = RecentFetches.new()
    replacing = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, replacing.set)
    with _listening(settings) as groups:
        endpoints = [
            Worker(
                name=f"endpoint {index}",
                work=functools.partial(
                    _be_endpoint, settings, index, sockets, recent, set_up_logging
                ),
                overlaps=True,
            )
            for index, sockets in enumerate(groups)
        ]
        log = Worker(
            name="log",
            work=functools.partial(_be_log, settings, set_up_logging),
            overlaps=False,
            ends_last=True,
        )
        page = Worker(
            name="page",
            work=functools.partial(_be_page, settings, set_up_logging),
            overlaps=False,
        )
        await run_workers(
            [*endpoints, log] if settings.page is None else [*endpoints, log, page],
            drain=drain,
            on_ready=keep_start_up,
            on_end=functools.partial(stop_listening, groups),
            replacing=replacing,
        )


@contextlib.contextmanager
def _listening(settings: Settings) -> Iterator[Sequence[Sequence[socket.socket]]]:
    count = max(1, settings.workers)
    with listening_for_pixels(
        settings.http, count=count, reuse_port=settings.reuse_port or count > 1
    ) as groups:
        logger.info("serving pixels", address=address_of(settings.http, groups[0]))
        yield groups


def _be_endpoint(
    settings: Settings,
    index: int,
    sockets: Sequence[socket.socket],
    recent: RecentFetches,
    set_up_logging: Callable[[], None],
    report: Report,
) -> None:
    """Be an endpoint process."""
    set_up_logging()
    _be(
        functools.partial(_run_endpoint, settings, index, sockets, recent, report),
        settings,
        report,
    )


def _be_log(settings: Settings, set_up_logging: Callable[[], None], report: Report) -> None:
    """Be the log process."""
    os.nice(_LOG_NICENESS)
    set_up_logging()
    _be(functools.partial(_run_log, settings, report), settings, report)


def _be_page(settings: Settings, set_up_logging: Callable[[], None], report: Report) -> None:
    """Be the page process."""
    os.nice(_LOG_NICENESS)
    set_up_logging()
    _be(functools.partial(_run_page, settings, report), settings, report)


def _be(main: Callable[[Drain], Awaitable[None]], settings: Settings, report: Report) -> None:
    try:
        process.run(main, drain=Drain(grace=settings.grace), stop_signals=(END,))
    except REFUSALS as error:
        report.refuse(str(error))


async def _run_endpoint(
    settings: Settings,
    index: int,
    sockets: Sequence[socket.socket],
    recent: RecentFetches,
    report: Report,
    drain: Drain,
) -> None:
    from pixel_service.endpoint_process import running_endpoint  # noqa: PLC0415 - see `serve`

    leaving = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(LEAVE, leaving.set)
    async with (
        following_certificates(settings.protection.tls_files("http", "admin")) as certificates,
        running_endpoint(
            settings,
            sockets,
            recent=recent,
            certificate=certificates.get("http"),
        ) as endpoint,
        admin_server(
            listen=settings.admin_of(index),
            conditions=lambda: [*endpoint.conditions(), not_draining(drain)],
            registry=_registry_of(endpoint.metrics, certificates),
            certificate=certificates.get("admin"),
            # A successor takes over before this process ends.
            reuse_port=True,
        ),
    ):
        keep_start_up()
        async with report.serving():
            await first_of(drain.wait(), leaving.wait())
            if not drain.is_draining:
                await first_of(drain.wait(), endpoint.let_go())
                drain.begin()
            elif settings.reuse_port:
                await endpoint.hand_over()


async def _run_log(settings: Settings, report: Report, drain: Drain) -> None:
    from pixel_service.log_process import LogProcess  # noqa: PLC0415 - see `serve`

    files = settings.protection.tls_files("grpc", "admin")
    async with following_certificates(files) as certificates:
        log = LogProcess(settings, certificates.get("grpc"))
        async with admin_server(
            listen=settings.admin_of(settings.workers),
            conditions=lambda: [*log.conditions(are_required=True), not_draining(drain)],
            registry=_registry_of(log.metrics, certificates),
            certificate=certificates.get("admin"),
        ):
            keep_start_up()
            async with report.serving():
                await log.serve(drain, on_serving=lambda _: None)


async def _run_page(settings: Settings, report: Report, drain: Drain) -> None:
    from pixel_service.page_process import running_page  # noqa: PLC0415 - see `serve`

    async with (
        following_certificates(settings.protection.tls_files("page")) as certificates,
        running_page(settings, certificates.get("page")),
    ):
        keep_start_up()
        async with report.serving():
            await drain.wait()


def _registry_of(*collectors: Collector) -> CollectorRegistry:
    registry = CollectorRegistry()
    for each in collectors:
        registry.register(each)
    return registry
