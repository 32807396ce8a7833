"""`api-keys`, of both services' command lines: make, list and revoke API keys."""

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import click

from service_runtime.api_keys.key import ApiKey, make_key
from service_runtime.api_keys.key_file import (
    API_KEYS_FILE,
    add_key,
    check_limits,
    read_keys,
    remove_key,
)
from service_runtime.api_keys.last_use import read_last_use
from service_runtime.callers import Role

_COLUMNS: Final = "{:<10}  {:<10}  {:<20}  {:<20}  {:<20}  {}"


def api_keys_group(*, prefix: str, data: Path) -> click.Group:
    """Return the command group of a service.

    Args:
        prefix: of its environment variables.
        data: its data folder unless it is told of another.
    """
    file_option = click.option(
        "--file",
        "path",
        type=click.Path(path_type=Path, dir_okay=False),
        default=data / API_KEYS_FILE,
        envvar=f"{prefix}_API_KEYS",
        show_envvar=True,
        show_default=True,
        help="The file of keys.",
    )
    group = click.Group(
        "api-keys",
        help="Make, list and revoke the keys by which clients call."
        "\n\nBoth services may share the file (`serve --api-keys FILE`); they see a change"
        " within about a second. It holds no key that could be used.",
    )
    for command in (_create, _list, _revoke):
        group.add_command(command(file_option))
    return group


def _create(file_option: Callable[..., Any]) -> click.Command:
    @click.command()
    @file_option
    @click.option(
        "--role",
        type=click.Choice([each.value for each in Role]),
        required=True,
        help="What the key's owner may do.",
    )
    @click.option(
        "--configuration",
        "configuration_ids",
        multiple=True,
        metavar="ID",
        show_default="all",
        help="A configuration that a sender or subscriber is limited to; may be repeated.",
    )
    @click.option(
        "--expires",
        callback=_time,
        metavar="TIME",
        show_default="never",
        help="When the key ends, such as 2027-01-31, or 2027-01-31T12:00:00+01:00.",
    )
    def create(
        path: Path, role: str, configuration_ids: Sequence[str], expires: dt.datetime | None
    ) -> None:
        """Make a key, and print it: once, for it is kept nowhere."""
        now = dt.datetime.now(dt.UTC)
        if expires is not None and expires <= now:
            raise click.UsageError("--expires is in the past")
        limits = frozenset(configuration_ids)
        try:
            check_limits(Role(role), limits)
        except ValueError as error:
            raise click.UsageError(f"--configuration: {error}") from None
        key, text = make_key(Role(role), configuration_ids=limits, now=now, expire_time=expires)
        add_key(path, key)
        click.echo(text)

    return create


def _list(file_option: Callable[..., Any]) -> click.Command:
    @click.command("list")
    @file_option
    def list_(path: Path) -> None:
        """List the keys: what each may do, and when it was last used."""
        keys, used = read_keys(path), read_last_use(path)
        click.echo(
            _COLUMNS.format("ID", "ROLE", "CREATED", "EXPIRES", "LAST USE", "CONFIGURATIONS")
        )
        for key in keys.values():
            click.echo(_row(key, used.get(key.id)))

    return list_


def _revoke(file_option: Callable[..., Any]) -> click.Command:
    @click.command()
    @file_option
    @click.argument("key_id", metavar="ID")
    def revoke(path: Path, key_id: str) -> None:
        """Revoke a key.

        Calls with it are refused within about a second, and its streams end.
        """
        if "_" in key_id:
            # It would stay in the shell's history and be seen by everybody in the list of
            # processes; the message must not repeat it.
            raise click.UsageError("give the key's ID, and not the key itself")
        remove_key(path, key_id)

    return revoke


def _row(key: ApiKey, used: dt.datetime | None) -> str:
    return _COLUMNS.format(
        key.id,
        key.role,
        _text(key.create_time),
        _text(key.expire_time),
        _text(used),
        ",".join(sorted(key.configuration_ids)) or "all",
    )


def _text(time: dt.datetime | None) -> str:
    return "-" if time is None else f"{time.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def _time(_: click.Context, __: click.Parameter, text: str | None) -> dt.datetime | None:
    if text is None:
        return None
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text} is no time, such as 2027-01-31") from None
    # A day is one of UTC, as everywhere in this program.
    is_day = "T" not in text and " " not in text
    if time.tzinfo is None and not is_day:
        raise click.BadParameter(f"{text} has no zone: write 2027-01-31T12:00:00Z, or +01:00")
    return time if time.tzinfo is not None else time.replace(tzinfo=dt.UTC)
