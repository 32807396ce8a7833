"""`mail-bridge serve`: from options and environment to settings, and off."""

import functools
from typing import Any, Literal

import click

from emailopens_client.api_keys import ApiKeyUnusable
from emailopens_client.channels import TlsFilesUnusable
from mail_bridge.cli.option_kinds import PREFIX
from mail_bridge.cli.serve_options import all_options
from mail_bridge.cli.serve_settings import settings_of
from service_runtime import process
from service_runtime.allocator import keep_large_blocks
from service_runtime.descriptors import raise_descriptor_limit
from service_runtime.drain import Drain
from service_runtime.garbage import keep_start_up
from service_runtime.logging import configure_logging
from service_runtime.serve_options import ServeCommand


@click.command(cls=ServeCommand, prefix=PREFIX)
@all_options
def serve(
    log_level: str,
    log_format: Literal["text", "json"],
    **options: Any,  # noqa: ANN401 - click's
) -> None:
    """Pass mail on, with a pixel in each recipient's copy.

    A recipient is answered for when the next hop has answered. Mail that cannot be tracked passes
    as it came. Until SIGTERM or SIGINT, which lets messages on their way end; a second one ends
    them.
    """
    # Here, because options that are wrong need none of it.
    from mail_bridge import server  # noqa: PLC0415 - see above

    configure_logging(level=log_level.upper(), format_=log_format)
    keep_large_blocks()
    raise_descriptor_limit()
    settings = settings_of(options)
    run = functools.partial(server.serve, settings, on_ready=lambda _: keep_start_up())
    try:
        process.run(run, drain=Drain(grace=settings.grace))
    except (ApiKeyUnusable, TlsFilesUnusable) as error:
        raise click.ClickException(str(error)) from error
