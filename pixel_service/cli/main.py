"""The command `pixel-service`."""

from typing import Final, NoReturn

import click

from service_runtime.cli import HELP, CommandGroup, run_command

# Where each command is.  Only the one that runs is imported: all of them together
# take a second, and half of that is for `serve` alone.
_COMMANDS: Final = {
    "serve": "pixel_service.cli.serve",
    "stream": "pixel_service.cli.stream",
    "subscriptions": "pixel_service.cli.subscriptions",
    "webhooks": "pixel_service.cli.webhooks",
    "opens": "pixel_service.cli.opens",
    "objections": "pixel_service.cli.objections",
    "statistics": "pixel_service.cli.statistics",
    "log": "pixel_service.cli.log",
    "status": "pixel_service.cli.status",
    "evidence": "pixel_service.cli.evidence",
    "api-keys": "pixel_service.cli.api_keys",
}


@click.group(cls=CommandGroup, modules=_COMMANDS, context_settings=HELP)
@click.version_option(package_name="emailopens")
def commands() -> None:
    """Serves tracking pixels, keeps every fetch as an open, and streams the opens."""


def main() -> NoReturn:
    """Run the command line of this process."""
    run_command(commands)
