"""What the commands share that call the running service."""

from typing import Final

import click

from emailopens_client.targets import with_port
from pixel_service.default_addresses import DEFAULT_GRPC
from service_runtime.listen import split_address

# Storage that fails over takes seconds; nobody waits longer for a command.
CALL_SECONDS: Final = 30.0

_, _DEFAULT_PORT = split_address(DEFAULT_GRPC)

target_option: Final = click.option(
    "--target",
    default=DEFAULT_GRPC,
    callback=lambda _context, _parameter, value: with_port(value, _DEFAULT_PORT),
    envvar="EMAILOPENS_PIXEL_TARGET",
    show_envvar=True,
    show_default=True,
    metavar="HOST[:PORT]",
    help="The running pixel service.",
)
