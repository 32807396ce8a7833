"""The command `pixel-service`."""

from typing import NoReturn

import click

from pixel_service.cli_evidence import evidence
from pixel_service.cli_log import log
from pixel_service.cli_opens import opens
from pixel_service.cli_serve import serve
from pixel_service.cli_stream import stream
from pixel_service.cli_subscriptions import subscriptions
from service_runtime.cli import run_command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="emailopens")
def commands() -> None:
    """Serves tracking pixels, keeps every fetch as an open, and streams the opens."""


for _command in (serve, stream, subscriptions, opens, log, evidence):
    commands.add_command(_command)


def main() -> NoReturn:
    """Run the command line of this process."""
    run_command(commands)
