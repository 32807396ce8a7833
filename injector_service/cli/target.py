"""What the commands share that call the running service."""

from typing import Final

import click

from emailopens_client.targets import with_port
from injector_service.privacy import PrivacyLevel
from injector_service.settings import DEFAULT_GRPC
from service_runtime.listen import split_address

# Longer than the service waits for its database (5 s).
CALL_SECONDS: Final = 15

PRIVACY_LEVELS: Final = click.Choice([level.name.lower() for level in PrivacyLevel])

_, _DEFAULT_PORT = split_address(DEFAULT_GRPC)

target_option: Final = click.option(
    "--target",
    default=DEFAULT_GRPC,
    callback=lambda _context, _parameter, value: with_port(value, _DEFAULT_PORT),
    envvar="EMAILOPENS_INJECTOR_TARGET",
    show_envvar=True,
    show_default=True,
    metavar="HOST[:PORT]",
    help="The running injector service.",
)
