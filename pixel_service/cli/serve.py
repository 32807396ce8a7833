"""`pixel-service serve`: from options and environment to settings, and off."""

import asyncio
import datetime as dt
import functools
import ipaddress
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import click
import structlog

from pixel_service import server
from pixel_service.endpoint.client_address import ForwardedHeader, IpNetwork
from pixel_service.errors import LogSchemaOld, LogUrlInvalid, SettingsInvalid
from pixel_service.evidence import EvidenceError
from pixel_service.settings import Settings
from service_runtime import process
from service_runtime.drain import Drain
from service_runtime.errors import ServiceError
from service_runtime.garbage import keep_start_up
from service_runtime.key_ring import KeyRingError
from service_runtime.listen import ListenError
from service_runtime.logging import configure_logging
from service_runtime.serve_options import (
    DATA,
    LIMITS,
    PROCESS,
    ServeCommand,
    address_option,
    key_ring_options,
    options_of,
    process_options,
)
from service_runtime.workers import WorkersFailed, run_workers

_DEFAULTS: Final = Settings()
_DAY: Final = dt.timedelta(days=1)
_EXPECTED: Final = (SettingsInvalid, EvidenceError, LogUrlInvalid, LogSchemaOld, WorkersFailed)
_FILE: Final = click.Path(path_type=Path, dir_okay=False)


_PREFIX: Final = "EMAILOPENS_PIXEL"
_OPENS: Final = "Opens"
_EVIDENCE: Final = "Evidence"
_PROXIES: Final = "Proxies"
_option: Final = options_of(_PREFIX)


def _networks(_: click.Context, __: click.Parameter, values: Sequence[str]) -> list[IpNetwork]:
    given = [each.strip() for value in values for each in value.split(",")]
    try:
        return [ipaddress.ip_network(each) for each in given if each]
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command(cls=ServeCommand, prefix=_PREFIX)
@address_option(_option, "grpc", default=_DEFAULTS.grpc, help="Where opens are streamed.")
@address_option(_option, "http", default=_DEFAULTS.http, help="Where pixels are served.")
@address_option(
    _option, "admin", default=_DEFAULTS.admin, help="Where health and metrics are served."
)
@_option(
    "data",
    section=DATA,
    type=click.Path(path_type=Path, file_okay=False),
    default=_DEFAULTS.data,
    help="Folder of the embedded log, of the key ring and of all other state.",
)
@_option(
    "log-url",
    section=DATA,
    metavar="URL",
    show_default="SQLite in the data folder",
    help="Where opens are: sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME.",
)
@key_ring_options(_option)
@_option(
    "retention-days",
    section=_OPENS,
    type=click.FloatRange(min=0, min_open=True),
    metavar="DAYS",
    default=_DEFAULTS.retention / _DAY,
    help="Opens that are older are removed.",
)
@_option(
    "max-log-octets",
    section=_OPENS,
    type=click.IntRange(min=1),
    metavar="OCTETS",
    show_default="no limit",
    help="The oldest opens beyond this size of the log are removed.",
)
@_option(
    "burst-window",
    section=_OPENS,
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    default=_DEFAULTS.burst_window.total_seconds(),
    help="For how long fetches of one message from one address are one burst.",
)
@_option(
    "log-bound",
    section=_OPENS,
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    default=_DEFAULTS.log_bound.total_seconds(),
    help="How late the log may be before opens go to the spool.",
)
@_option(
    "max-spool-octets",
    section=_OPENS,
    type=click.IntRange(min=0),
    metavar="OCTETS",
    default=_DEFAULTS.max_spool_octets,
    help="Size of the spool, which keeps opens while the log is away.",
)
@_option(
    "evidence-rules",
    section=_EVIDENCE,
    type=_FILE,
    show_default="built in",
    help="The rules by which fetches are judged.",
)
@_option(
    "evidence-ranges",
    section=_EVIDENCE,
    type=click.Path(path_type=Path, file_okay=False),
    show_default="ranges in the data folder",
    help="Folder of updated address ranges.",
)
@_option(
    "autonomous-systems",
    section=_EVIDENCE,
    type=_FILE,
    help="A database of network operators, such as GeoLite2-ASN.mmdb.",
)
@_option(
    "countries",
    section=_EVIDENCE,
    type=_FILE,
    help="A database of countries, such as GeoLite2-Country.mmdb.",
)
@_option(
    "trusted-proxies",
    section=_PROXIES,
    multiple=True,
    callback=_networks,
    metavar="NETWORKS",
    help="Proxies in front whose forwarding header is believed: networks, comma-separated.",
)
@_option(
    "forwarded-header",
    section=_PROXIES,
    type=click.Choice([each.value for each in ForwardedHeader]),
    default=_DEFAULTS.forwarded_header.value,
    help="The header field in which trusted proxies name the client.",
)
@_option(
    "max-streams",
    section=LIMITS,
    type=click.IntRange(min=1),
    metavar="COUNT",
    default=_DEFAULTS.max_streams,
    help="Streams of opens at once.",
)
@_option(
    "workers",
    section=PROCESS,
    type=click.IntRange(min=1, max=64),
    metavar="COUNT",
    default=_DEFAULTS.workers,
    help="Processes that share the work; worker N has its metrics N ports above --admin.",
)
@process_options(_option)
def serve(
    log_level: str,
    log_format: Literal["text", "json"],
    **options: Any,  # noqa: ANN401 - click's
) -> None:
    """Serve pixels, record opens and stream them.

    Until SIGTERM or SIGINT, which lets running work end; a second one ends it.
    """
    settings = _settings(**options)
    set_up_logging = functools.partial(_set_up_logging, log_level.upper(), log_format)
    set_up_logging()
    try:
        if settings.workers == 1:
            _run(settings)
        else:
            settings.check_workers()
            work = functools.partial(_work, settings, set_up_logging)
            process.run(
                functools.partial(_supervise, settings, work), drain=Drain(grace=settings.grace)
            )
    except _EXPECTED as error:
        raise click.ClickException(str(error)) from error


def _set_up_logging(level: str, format_: Literal["text", "json"]) -> None:
    configure_logging(level=level, format_=format_)
    # It describes its own parts at every start.
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _run(settings: Settings) -> None:
    process.run(functools.partial(_serve, settings), drain=Drain(grace=settings.grace))


async def _serve(settings: Settings, drain: Drain) -> None:
    ready: asyncio.Future[server.Addresses] = asyncio.get_running_loop().create_future()
    ready.add_done_callback(lambda _: keep_start_up())
    await server.serve(settings, drain, ready=ready)


async def _supervise(settings: Settings, work: Callable[[int], None], drain: Drain) -> None:
    # Once, and not by each worker at each of its attempts.
    async with server.supervising(settings):
        await run_workers(work, count=settings.workers, drain=drain)


def _work(settings: Settings, set_up_logging: Callable[[], None], index: int) -> None:
    """Be a worker process."""
    set_up_logging()
    try:
        _run(settings.for_worker(index))
    except (*_EXPECTED, ServiceError, KeyRingError, ListenError) as error:
        structlog.get_logger().error("worker cannot run", worker=index, reason=str(error))
        sys.exit(1)


def _settings(
    *,
    grace: float,
    retention_days: float,
    burst_window: float,
    log_bound: float,
    trusted_proxies: Sequence[IpNetwork],
    forwarded_header: str,
    **options: Any,  # noqa: ANN401 - the rest has the settings' own names and types
) -> Settings:
    return Settings(
        grace=dt.timedelta(seconds=grace),
        retention=retention_days * _DAY,
        burst_window=dt.timedelta(seconds=burst_window),
        log_bound=dt.timedelta(seconds=log_bound),
        trusted_proxies=tuple(trusted_proxies),
        forwarded_header=ForwardedHeader(forwarded_header),
        **options,
    )
