"""What the commands share that call the running service."""

from typing import Final

import click

from injector_service.privacy import PrivacyLevel
from injector_service.settings import DEFAULT_LISTEN

# Longer than the service waits for its database (5 s).
CALL_SECONDS: Final = 15

PRIVACY_LEVELS: Final = click.Choice([level.name.lower() for level in PrivacyLevel])

target_option: Final = click.option(
    "--target",
    default=DEFAULT_LISTEN,
    envvar="EMAILOPENS_INJECTOR_TARGET",
    show_envvar=True,
    show_default=True,
    metavar="HOST:PORT",
    help="The running injector service.",
)
