"""`pixel-service serve`: from options and environment to settings, and off."""

import asyncio
import datetime as dt
import functools
import logging
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import click
import structlog

from pixel_service.cli.limit_options import limit_options
from pixel_service.cli.proxy_options import proxy_options
from pixel_service.cli.statistics_options import statistics_options
from pixel_service.endpoint.client_address import ForwardedHeader, IpNetwork
from pixel_service.journal import SEGMENT_OCTETS
from pixel_service.settings import Settings
from pixel_service.start_check import REFUSALS
from pixel_service.supervisor import supervise
from service_runtime import process
from service_runtime.descriptors import raise_descriptor_limit
from service_runtime.drain import Drain
from service_runtime.garbage import keep_start_up
from service_runtime.logging import configure_logging
from service_runtime.protection_options import protection_options
from service_runtime.serve_options import (
    DATA,
    PROCESS,
    ServeCommand,
    access_options,
    address_option,
    key_ring_options,
    options_of,
    process_options,
)
from service_runtime.spans import DAY, SECOND, Span
from service_runtime.workers import WorkersFailed

_DEFAULTS: Final = Settings()
_FILE: Final = click.Path(path_type=Path, dir_okay=False)


_PREFIX: Final = "EMAILOPENS_PIXEL"
_OPENS: Final = "Opens"
_EVIDENCE: Final = "Evidence"
_option: Final = options_of(_PREFIX)

logger = structlog.get_logger()


@click.command(cls=ServeCommand, prefix=_PREFIX)
@address_option(_option, "grpc", default=_DEFAULTS.grpc, help="Where opens are streamed.")
@address_option(_option, "http", default=_DEFAULTS.http, help="Where pixels are served.")
@address_option(
    _option, "admin", default=_DEFAULTS.admin, help="Where health and metrics are served."
)
@address_option(
    _option,
    "page",
    show_default="nowhere",
    help="Where people look at their opens in a browser, such as 127.0.0.1:8082.",
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
@access_options(_option)
@protection_options(_option, serves_pixels=True)
@_option(
    "retention-days",
    section=_OPENS,
    type=Span(DAY, min_open=True),
    metavar="DAYS",
    default=_DEFAULTS.retention / DAY,
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
    type=Span(SECOND),
    metavar="SECONDS",
    default=_DEFAULTS.burst_window.total_seconds(),
    help="For how long fetches of one message from one address are one burst.",
)
@_option(
    "max-opens-of-message",
    section=_OPENS,
    type=click.IntRange(min=1),
    metavar="COUNT",
    default=_DEFAULTS.max_opens_of_message,
    help="Beyond so many in --open-window, fetches of a message are only counted.",
)
@_option(
    "open-window",
    section=_OPENS,
    type=Span(SECOND, min_open=True),
    metavar="SECONDS",
    default=_DEFAULTS.open_window.total_seconds(),
    help="For how long the opens of a message are counted against its limit.",
)
@_option(
    "max-journal-octets",
    section=_OPENS,
    type=click.IntRange(min=2 * SEGMENT_OCTETS),
    metavar="OCTETS",
    default=_DEFAULTS.max_journal_octets,
    help="Size of a process's journal, which keeps opens until the log has them.",
)
@statistics_options(_option)
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
    "refresh-ranges",
    section=_EVIDENCE,
    is_flag=True,
    help="Fetch published address ranges every day, into that folder.",
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
@proxy_options(_option)
@limit_options(_option)
@_option(
    "workers",
    section=PROCESS,
    type=click.IntRange(min=0, max=64),
    metavar="COUNT",
    default=_DEFAULTS.workers,
    help="Processes that serve pixels; 0: one process does everything.",
)
@_option(
    "reuse-port",
    section=PROCESS,
    is_flag=True,
    help="Let another instance serve pixels at the same address, to take over.",
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
    raise_descriptor_limit()
    if settings.workers:
        work = functools.partial(supervise, settings, set_up_logging=set_up_logging)
    else:
        work = functools.partial(_serve, settings)
    try:
        process.run(work, drain=Drain(grace=settings.grace))
    except (*REFUSALS, WorkersFailed) as error:
        raise click.ClickException(str(error)) from error


async def _serve(settings: Settings, drain: Drain) -> None:
    from pixel_service import server  # noqa: PLC0415 - a supervisor needs neither gRPC nor SQL

    # Its default ends the process.
    asyncio.get_running_loop().add_signal_handler(
        signal.SIGHUP, lambda: logger.warning("one process alone is not replaced: restart it")
    )
    await server.serve(settings, drain, on_ready=lambda _: keep_start_up())


def _set_up_logging(level: str, format_: Literal["text", "json"]) -> None:
    configure_logging(level=level, format_=format_)
    # It describes its own parts at every start.
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _settings(
    *,
    grace: float,
    retention_days: float,
    statistics_retention_days: float,
    burst_window: float,
    open_window: float,
    trusted_proxies: Sequence[IpNetwork],
    forwarded_header: str,
    **options: Any,  # noqa: ANN401 - the rest has the settings' own names and types
) -> Settings:
    return Settings(
        grace=dt.timedelta(seconds=grace),
        retention=retention_days * DAY,
        statistics_retention=statistics_retention_days * DAY,
        burst_window=dt.timedelta(seconds=burst_window),
        open_window=dt.timedelta(seconds=open_window),
        trusted_proxies=tuple(trusted_proxies),
        forwarded_header=ForwardedHeader(forwarded_header),
        **options,
    )
