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
from service_runtime.serve_options import key_ring_options, options_of, process_options
from service_runtime.workers import WorkersFailed, run_workers

_DEFAULTS: Final = Settings()
_DAY: Final = dt.timedelta(days=1)
_EXPECTED: Final = (SettingsInvalid, EvidenceError, LogUrlInvalid, LogSchemaOld, WorkersFailed)
_FILE: Final = click.Path(path_type=Path, dir_okay=False)


_option: Final = options_of("EMAILOPENS_PIXEL")


def _networks(_: click.Context, __: click.Parameter, values: Sequence[str]) -> list[IpNetwork]:
    try:
        return [ipaddress.ip_network(value) for value in values]
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


_address = functools.partial(_option, metavar="HOST:PORT", show_default=True)


@click.command()
@_address("http", default=_DEFAULTS.http, help="Where pixels are served.")
@_address("grpc", default=_DEFAULTS.grpc, help="Where opens are streamed.")
@_address("admin", default=_DEFAULTS.admin, help="Where health and metrics are served.")
@_option(
    "data",
    type=click.Path(path_type=Path, file_okay=False),
    default=_DEFAULTS.data,
    show_default=True,
    help="Folder of the embedded log and all other state.",
)
@_option("log-url", help="The log's database.  [default: SQLite in the data folder]")
@key_ring_options(_option)
@_option(
    "retention-days",
    type=click.FloatRange(min=0, min_open=True),
    default=_DEFAULTS.retention / _DAY,
    show_default=True,
    help="Opens that are older are removed.",
)
@_option(
    "max-log-octets",
    type=click.IntRange(min=1),
    help="The oldest opens beyond this size of the log are removed.  [default: no limit]",
)
@_option(
    "burst-window",
    type=click.FloatRange(min=0),
    default=_DEFAULTS.burst_window.total_seconds(),
    show_default=True,
    help="Seconds within which fetches of one message from one address are one burst.",
)
@_option(
    "log-bound",
    type=click.FloatRange(min=0, min_open=True),
    default=_DEFAULTS.log_bound.total_seconds(),
    show_default=True,
    help="Seconds that the log may be late before opens go to the spool.",
)
@_option(
    "max-spool-octets",
    type=click.IntRange(min=0),
    default=_DEFAULTS.max_spool_octets,
    show_default=True,
    help="Size of the spool, which keeps opens while the log is away.",
)
@_option("evidence-rules", type=_FILE, help="A rule file instead of the built-in one.")
@_option(
    "evidence-ranges",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of updated address ranges.  [default: ranges in the data folder]",
)
@_option("autonomous-systems", type=_FILE, help="A database such as GeoLite2-ASN.mmdb.")
@_option("countries", type=_FILE, help="A database such as GeoLite2-Country.mmdb.")
@_option(
    "trusted-proxies",
    multiple=True,
    callback=_networks,
    metavar="NETWORK",
    help="A proxy in front whose forwarding header is believed; may be repeated.",
)
@_option(
    "forwarded-header",
    type=click.Choice([each.value for each in ForwardedHeader]),
    default=_DEFAULTS.forwarded_header.value,
    show_default=True,
    help="The header in which trusted proxies name the client.",
)
@_option(
    "max-streams",
    type=click.IntRange(min=1),
    default=_DEFAULTS.max_streams,
    show_default=True,
    help="Streams of opens at once.",
)
@_option(
    "workers",
    type=click.IntRange(min=1, max=64),
    default=_DEFAULTS.workers,
    show_default=True,
    help="Processes that share the work; worker N has its metrics N ports above --admin.",
)
@process_options(_option)
def serve(
    log_level: str,
    log_format: Literal["text", "json"],
    **options: Any,  # noqa: ANN401 - click's
) -> None:
    """Serve pixels, record opens and stream them, until SIGTERM or SIGINT."""
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
    # It tells of its own parts at every start.
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
