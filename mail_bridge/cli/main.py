"""The command `mail-bridge`."""

from typing import NoReturn

import click

from mail_bridge.cli.filter_command import filter_
from service_runtime.cli import HELP, run_command


@click.group(context_settings=HELP)
@click.version_option(package_name="emailopens")
def commands() -> None:
    """Puts tracking pixels into mail that flows through it, one copy a recipient."""


commands.add_command(filter_)


def main() -> NoReturn:
    """Run the command line of this process."""
    run_command(commands)
