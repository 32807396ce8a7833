"""The commands of `pixel-service log` that open the log themselves, while nobody serves it."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from pixel_service.errors import LogSchemaOld, LogUrlInvalid
from pixel_service.open_log import begin_epoch, migrate
from pixel_service.settings import DEFAULT_DATA, LOG_FILE, default_log_url
from service_runtime.cli import wait_for


def _log_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which log: the same as those of `serve`."""
    data = click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        default=DEFAULT_DATA,
        envvar="EMAILOPENS_PIXEL_DATA",
        show_envvar=True,
        show_default=True,
        help="Folder of the embedded log.",
    )
    url = click.option(
        "--log-url",
        envvar="EMAILOPENS_PIXEL_LOG_URL",
        show_envvar=True,
        metavar="URL",
        show_default="SQLite in the data folder",
        help="Where opens are: sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME.",
    )
    return data(url(command))


@contextlib.contextmanager
def _one_line_errors() -> Iterator[None]:
    """Say what is wrong with a log in one line."""
    try:
        yield
    except (LogUrlInvalid, LogSchemaOld) as error:
        raise click.ClickException(str(error)) from error


@click.command("migrate")
@_log_options
def migrate_tables(data: Path, log_url: str | None) -> None:
    """Create or migrate the log's tables.

    Of a log on PostgreSQL; one on SQLite is migrated when it is served.
    """

    async def work() -> None:
        with _one_line_errors():
            url = log_url or default_log_url(data)
            await migrate(url)
            if url.startswith("sqlite"):
                click.echo("nothing done: a log on SQLite is migrated when it is served")

    wait_for(work())


@click.command()
@_log_options
def restored(data: Path, log_url: str | None) -> None:
    """Say that the log was restored from a backup.

    Before it is served again: it holds fewer opens than its clients remember, and would
    give their positions to others.  Cursors from before are refused from now on
    (CURSOR_FOREIGN_LOG), so that nobody passes over an open; subscriptions go on where
    the backup says they were.
    """
    # Opening would make one.
    if log_url is None and not (data / LOG_FILE).exists():
        raise click.ClickException(f"there is no log in the folder {data}")

    async def work() -> None:
        with _one_line_errors():
            epoch = await begin_epoch(log_url or default_log_url(data))
        click.echo(f"epoch {epoch}: cursors from before are refused")

    wait_for(work())
