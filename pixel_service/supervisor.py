"""Puts the pixel service together in several processes.

    supervisor ─┬─ endpoint process, one or more: pixels, journal
                ├─ log process: records the journals, serves gRPC
                └─ page process, if there is a page: a client of the log process

What answers mail clients ends first, and the log process last, so that it records what
came until then.  Each process loads what it needs by itself; this one stays small.
"""

import asyncio
import functools
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from pixel_service.endpoint import listening_for_pixels, stop_listening
from pixel_service.intake import RecentFetches
from pixel_service.settings import Settings
from pixel_service.start_check import REFUSALS, check
from service_runtime import process
from service_runtime.admin_server import admin_server, not_draining, registry_of
from service_runtime.background import first_of
from service_runtime.certificates import following_certificates
from service_runtime.drain import Drain
from service_runtime.garbage import keep_start_up
from service_runtime.worker_process import END, LEAVE, Report, Worker
from service_runtime.workers import run_workers

# How far the log process steps back where processes compete for a core: mail clients wait
# for their answers, and what is kept can wait.
_LOG_NICENESS: Final = 10


async def supervise(
    settings: Settings, drain: Drain, *, set_up_logging: Callable[[], None]
) -> None:
    """Run the pixel service in several processes until *drain* begins.

    SIGHUP replaces them, one after the other, without a fetch that fails.

    Raises:
        WorkersFailed, and one of REFUSALS: it cannot run as it was told.
    """
    check(settings)
    recent = RecentFetches.new()
    replacing = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, replacing.set)
    with listening_for_pixels(
        settings.http,
        count=settings.workers,
        reuse_port=settings.reuse_port or settings.workers > 1,
    ) as groups:
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
    from pixel_service.endpoint_process import running_endpoint  # noqa: PLC0415 - not the supervisor's

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
            registry=registry_of(endpoint.metrics, certificates),
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
    from pixel_service.log_process import LogProcess  # noqa: PLC0415 - not the supervisor's

    files = settings.protection.tls_files("grpc", "admin")
    async with following_certificates(files) as certificates:
        log = LogProcess(settings, certificates.get("grpc"))
        async with admin_server(
            listen=settings.admin_of(settings.workers),
            conditions=lambda: [*log.conditions(are_required=True), not_draining(drain)],
            registry=registry_of(log.metrics, certificates),
            certificate=certificates.get("admin"),
        ):
            keep_start_up()
            async with report.serving():
                await log.serve(drain, on_serving=lambda _: None)


async def _run_page(settings: Settings, report: Report, drain: Drain) -> None:
    from pixel_service.page_process import running_page  # noqa: PLC0415 - not the supervisor's

    async with (
        following_certificates(settings.protection.tls_files("page")) as certificates,
        running_page(settings, certificates.get("page")),
    ):
        keep_start_up()
        async with report.serving():
            await drain.wait()
