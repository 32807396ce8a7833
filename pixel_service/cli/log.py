"""`pixel-service log …`: works on the log itself, beside a running service or without."""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click

from pixel_service.cli.output import Format, print_counts
from pixel_service.errors import LogSchemaOld, LogUrlInvalid
from pixel_service.notification import number_open
from pixel_service.open_log import OpenLog, begin_epoch, connect, migrate
from pixel_service.settings import DEFAULT_DATA, LOG_FILE, default_log_url
from service_runtime.cli import wait_for
from service_runtime.logging import configure_logging

_DAY: Final = dt.timedelta(days=1)


def log_options(command: Callable[..., Any]) -> Callable[..., Any]:
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
        help="The log's database.  [default: SQLite in the data folder]",
    )
    return data(url(command))


@contextlib.asynccontextmanager
async def opened_log(data: Path, log_url: str | None) -> AsyncIterator[OpenLog]:
    """Open the log that the options name; what is wrong is one line."""
    if log_url is None:
        _require_log_in(data)
    # On standard output it would stand between results.
    configure_logging(level="ERROR")
    with one_line_errors():
        async with connect(log_url or default_log_url(data), number_open=number_open) as log:
            yield log


def _require_log_in(data: Path) -> None:
    # Opening would make one.
    if not (data / LOG_FILE).exists():
        raise click.ClickException(f"there is no log in the folder {data}")


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Say what is wrong with a log in one line."""
    try:
        yield
    except (LogUrlInvalid, LogSchemaOld) as error:
        raise click.ClickException(str(error)) from error


@click.group()
def log() -> None:
    """Look after the log of opens."""


@log.command()
@log_options
def stats(data: Path, log_url: str | None) -> None:
    """Print how much the log holds, from when to when."""

    async def work() -> None:
        async with opened_log(data, log_url) as open_log:
            found = await open_log.stats()
            click.echo(f"log        {open_log.identity.log_id}, epoch {open_log.identity.epoch}")
            click.echo(f"opens      {found.entries}")
            click.echo(f"octets     {found.octets}")
            click.echo(f"earliest   {_time(found.earliest_time)}")
            click.echo(f"latest     {_time(found.head_time)}")
            if found.held_back_seconds:
                click.echo(f"readers are held back since {found.held_back_seconds:.0f} s")

    wait_for(work())


@log.command()
@log_options
@click.option(
    "--configuration",
    "configuration_ids",
    multiple=True,
    metavar="ID",
    help="Only this configuration; may be repeated.  [default: all]",
)
@click.option("--format", "format_", type=click.Choice(["json", "table"]), default="table")
def counts(
    data: Path, log_url: str | None, configuration_ids: Sequence[str], format_: Format
) -> None:
    """Print how often messages of each configuration were opened on each day (UTC).

    Also those whose configuration counts opens and does not notify them.  As far back
    as retention goes.  FIRST are the first opens of their messages; behind them stand
    the opens by likely agent.
    """

    async def work() -> None:
        async with opened_log(data, log_url) as open_log:
            found = await open_log.daily_counts()
        print_counts(
            [
                each
                for each in found
                if not configuration_ids or each.configuration_id in configuration_ids
            ],
            format_,
        )

    wait_for(work())


@log.command()
@log_options
@click.option(
    "--older-than-days", type=click.FloatRange(min=0), help="Remove opens of that age and more."
)
@click.option(
    "--max-octets", type=click.IntRange(min=0), help="Remove the oldest until this size is left."
)
def trim(
    data: Path, log_url: str | None, older_than_days: float | None, max_octets: int | None
) -> None:
    """Remove the oldest opens, and name the subscriptions that lose some."""
    if older_than_days is None and max_octets is None:
        raise click.UsageError("say --older-than-days or --max-octets")

    async def work() -> None:
        async with opened_log(data, log_url) as open_log:
            trimmed = await open_log.trim(
                older_than=None if older_than_days is None else older_than_days * _DAY,
                max_octets=max_octets,
            )
            click.echo(f"{trimmed.entries} opens removed")
            for subscription_id in trimmed.subscriptions_behind:
                click.echo(f"subscription {subscription_id} lost opens", err=True)

    wait_for(work())


@log.command("migrate")
@log_options
def migrate_tables(data: Path, log_url: str | None) -> None:
    """Create or migrate the log's tables; SQLite migrates itself when it is opened."""

    async def work() -> None:
        with one_line_errors():
            await migrate(log_url or default_log_url(data))

    wait_for(work())


@log.command()
@log_options
def restored(data: Path, log_url: str | None) -> None:
    """Say that the log was restored from a backup, before it is served again.

    It holds fewer opens than its clients remember, and would give their positions to
    others.  Cursors from before are refused from now on (CURSOR_FOREIGN_LOG), so that
    nobody passes over an open; subscriptions go on where the backup says they were.
    """
    if log_url is None:
        _require_log_in(data)

    async def work() -> None:
        with one_line_errors():
            epoch = await begin_epoch(log_url or default_log_url(data))
        click.echo(f"epoch {epoch}: cursors from before are refused")

    wait_for(work())


def _time(time: dt.datetime | None) -> str:
    return "-" if time is None else time.isoformat(timespec="seconds")
