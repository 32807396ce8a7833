"""The command `injector-service`."""

from typing import NoReturn

import click

from injector_service.cli.configurations import configurations
from injector_service.cli.copies import copies
from injector_service.cli.rewrite import rewrite
from injector_service.cli.serve import serve
from injector_service.cli.token_keys import token_keys
from injector_service.settings import DEFAULT_DATA
from service_runtime.api_keys import api_keys_group
from service_runtime.cli import HELP, CommandGroup, run_command


@click.group(cls=CommandGroup, context_settings=HELP)
@click.version_option(package_name="emailopens")
def commands() -> None:
    """Puts tracking pixels into outgoing messages, and changes nothing else in them."""


commands.add_command(serve)
commands.add_command(rewrite)
commands.add_command(copies)
commands.add_command(configurations)
commands.add_command(token_keys)
commands.add_command(api_keys_group(prefix="EMAILOPENS_INJECTOR", data=DEFAULT_DATA))


def main() -> NoReturn:
    """Run the command line of this process."""
    run_command(commands)
