"""The command `pixel-service`."""

import importlib
from typing import Final, NoReturn

import click

from service_runtime.cli import HELP, run_command

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


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's own
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(
            importlib.import_module(module), cmd_name.replace("-", "_")
        )
        return command


@click.group(cls=_Commands, context_settings=HELP)
@click.version_option(package_name="emailopens")
def commands() -> None:
    """Serves tracking pixels, keeps every fetch as an open, and streams the opens."""


def main() -> NoReturn:
    """Run the command line of this process."""
    run_command(commands)
