"""`injector-service serve`: from options and environment to settings, and off."""

import datetime as dt
import functools
from pathlib import Path
from typing import Any, Final, Literal

import click

from injector_service.cli.objections_options import objections_options
from injector_service.errors import DatabaseUnusable, SettingsInvalid
from injector_service.settings import Settings
from service_runtime import process
from service_runtime.allocator import keep_large_blocks
from service_runtime.descriptors import raise_descriptor_limit
from service_runtime.drain import Drain
from service_runtime.garbage import keep_start_up
from service_runtime.logging import configure_logging
from service_runtime.protection_options import protection_options
from service_runtime.serve_options import (
    DATA,
    LIMITS,
    PROCESS,
    ServeCommand,
    access_options,
    address_option,
    key_ring_options,
    options_of,
    process_options,
)
from service_runtime.spans import SECOND, Span

_DEFAULTS: Final = Settings()

# What Python can hold several times over on a small machine.
_MOST_MESSAGE_OCTETS: Final = 256 * 1024 * 1024

_PREFIX: Final = "EMAILOPENS_INJECTOR"
_PIXELS: Final = "Pixels"
_option: Final = options_of(_PREFIX)


@click.command(cls=ServeCommand, prefix=_PREFIX)
@address_option(_option, "grpc", default=_DEFAULTS.grpc, help="Where messages are rewritten.")
@address_option(
    _option,
    "admin",
    show_default="nowhere",
    help="Where health and metrics are served.",
)
@_option(
    "data",
    section=DATA,
    type=click.Path(path_type=Path, file_okay=False),
    default=_DEFAULTS.data,
    help="Folder of the embedded database and of the key ring.",
)
@_option(
    "database-url",
    section=DATA,
    metavar="URL",
    show_default="SQLite in the data folder",
    help="Where configurations are: sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME.",
)
@key_ring_options(_option)
@access_options(_option)
@protection_options(_option)
@_option(
    "pixel-base-url",
    section=_PIXELS,
    metavar="URL",
    default=_DEFAULTS.pixel_base_url,
    help="Where mail clients fetch pixels, unless a configuration says otherwise.",
)
@_option(
    "refresh-interval",
    section=_PIXELS,
    type=Span(SECOND, shortest=0.1 * SECOND, longest=3_600 * SECOND),
    metavar="SECONDS",
    default=_DEFAULTS.refresh_interval.total_seconds(),
    help="How soon configurations that another process changed are seen.",
)
@objections_options(_option)
@_option(
    "max-message-octets",
    section=LIMITS,
    type=click.IntRange(min=1, max=_MOST_MESSAGE_OCTETS),
    metavar="OCTETS",
    default=_DEFAULTS.max_message_octets,
    help="The largest message that is taken.",
)
@_option(
    "max-calls",
    section=LIMITS,
    type=click.IntRange(min=1),
    metavar="COUNT",
    default=_DEFAULTS.max_calls,
    help="Calls at once; their messages are all in memory.",
)
@_option(
    "reuse-port",
    section=PROCESS,
    is_flag=True,
    help="Let several processes listen at one address.",
)
@process_options(_option)
def serve(
    log_level: str,
    log_format: Literal["text", "json"],
    **options: Any,  # noqa: ANN401 - click's
) -> None:
    """Rewrite messages and keep configurations.

    Until SIGTERM or SIGINT, which lets running calls end; a second one ends them.
    """
    # Here, because loading the server takes longer than all that the other commands do.
    from injector_service import server  # noqa: PLC0415 - see above

    configure_logging(level=log_level.upper(), format_=log_format)
    keep_large_blocks()
    raise_descriptor_limit()
    try:
        settings = _settings(**options)
        run = functools.partial(server.serve, settings, on_ready=lambda _: keep_start_up())
        process.run(run, drain=Drain(grace=settings.grace))
    except (SettingsInvalid, DatabaseUnusable) as error:
        raise click.ClickException(str(error)) from error


def _settings(
    *,
    grace: float,
    refresh_interval: float,
    **options: Any,  # noqa: ANN401 - the rest has the settings' own names and types
) -> Settings:
    return Settings(
        grace=dt.timedelta(seconds=grace),
        refresh_interval=dt.timedelta(seconds=refresh_interval),
        **options,
    )
