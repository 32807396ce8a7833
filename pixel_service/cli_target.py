"""The option that says which running service a command talks to."""

from typing import Final

import click

from pixel_service.default_addresses import DEFAULT_GRPC

target_option: Final = click.option(
    "--target",
    default=DEFAULT_GRPC,
    envvar="EMAILOPENS_PIXEL_TARGET",
    show_envvar=True,
    show_default=True,
    metavar="HOST:PORT",
    help="The running pixel service.",
)
