"""The command `mail-bridge`."""

import importlib
from collections.abc import Mapping
from typing import Final, NoReturn

import click

from mail_bridge.cli.filter_command import filter_
from service_runtime.cli import HELP, run_command

# Where each command is, in the order in which they are needed. One is loaded when it is asked
# for: `serve` loads gRPC, which takes longer than a filter may.
_COMMANDS: Final[Mapping[str, str]] = {"serve": "mail_bridge.cli.serve"}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own
        return [*_COMMANDS, *self.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        command = getattr(importlib.import_module(_COMMANDS[cmd_name]), cmd_name)
        return command if isinstance(command, click.Command) else None


@click.group(cls=_Commands, context_settings=HELP)
@click.version_option(package_name="emailopens")
def commands() -> None:
    """Puts tracking pixels into mail that flows through it, one copy a recipient."""


commands.add_command(filter_)


def main() -> NoReturn:
    """Run the command line of this process."""
    run_command(commands)
