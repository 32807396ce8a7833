"""What the commands share that call the running service."""

from typing import Final

import click

from injector_service.privacy import PrivacyLevel
from injector_service.settings import DEFAULT_GRPC
from service_runtime.target import target_options

# Longer than the service waits for its database (5 s).
CALL_SECONDS: Final = 15

PRIVACY_LEVELS: Final = click.Choice([level.name.lower() for level in PrivacyLevel])

target_option: Final = target_options(
    default=DEFAULT_GRPC,
    envvar="EMAILOPENS_INJECTOR_TARGET",
    help_="The running injector service.",
)
