"""What the commands share that call the running service."""

from typing import Final

import click

from emailopens_client.targets import PIXEL_SERVICE_PORT, with_port
from pixel_service.default_addresses import DEFAULT_GRPC

# Storage that fails over takes seconds; nobody waits longer for a command.
CALL_SECONDS: Final = 30.0

target_option: Final = click.option(
    "--target",
    default=DEFAULT_GRPC,
    callback=lambda _context, _parameter, value: with_port(value, PIXEL_SERVICE_PORT),
    envvar="EMAILOPENS_PIXEL_TARGET",
    show_envvar=True,
    show_default=True,
    metavar="HOST[:PORT]",
    help="The running pixel service.",
)
