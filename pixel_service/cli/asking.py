"""Asking before something is lost."""

import sys
from typing import Final

import click

yes_option: Final = click.option(
    "--yes", is_flag=True, help="Do not ask before anything is removed."
)


def ask(question: str, *, consent: str) -> None:
    """Go on if whoever sits there says yes to *question*.

    Raises:
        click.UsageError: nobody does; `--yes` would be the consent to *consent*.
        click.Abort: the answer is no.
    """
    if not sys.stdin.isatty():
        raise click.UsageError(f"nobody is there to be asked: say --yes to {consent}")
    click.confirm(question, abort=True, err=True)
