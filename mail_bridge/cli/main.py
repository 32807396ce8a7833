"""The command `mail-bridge`."""

from collections.abc import Mapping
from typing import Final, NoReturn

import click

from mail_bridge.cli.filter_command import filter_
from service_runtime.cli import HELP, CommandGroup, run_command

# Where each command is, in the order in which they are needed. One is loaded when it is asked
# for: `serve` loads gRPC, which takes longer than a filter may.
_COMMANDS: Final[Mapping[str, str]] = {"serve": "mail_bridge.cli.serve"}


@click.group(cls=CommandGroup, modules=_COMMANDS, context_settings=HELP)
@click.version_option(package_name="emailopens")
def commands() -> None:
    """Puts tracking pixels into mail that flows through it, one copy a recipient."""


commands.add_command(filter_)


def main() -> NoReturn:
    """Run the command line of this process."""
    run_command(commands)
