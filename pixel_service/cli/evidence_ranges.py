"""The operator's commands about address ranges: `evidence ranges` and `evidence update-ranges`."""

import asyncio
import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pixel_service.cli.evidence_options import (
    FILE,
    data_option,
    evidence_option,
    one_line_errors,
    ranges_option,
)
from pixel_service.evidence import NamedRanges, load_ranges
from service_runtime.cli import format_option

if TYPE_CHECKING:
    from pixel_service.range_updates import Update


@click.command(name="ranges")
@format_option(default="table")
@data_option
@ranges_option
def print_ranges(ranges: Path, format_: str) -> None:
    """Print the address ranges in use, their age and source."""
    with one_line_errors():
        found = load_ranges(ranges)
    now = dt.datetime.now(dt.UTC)
    if format_ == "json":
        click.echo(json.dumps([_as_json(each, now) for _, each in sorted(found.items())], indent=2))
        return
    width = max(map(len, found))
    click.echo(f"{'name':{width}}  {'ranges':>7}  {'age':>6}  origin")
    for name, each in sorted(found.items()):
        age = f"{(now - each.as_of).days} d"
        click.echo(f"{name:{width}}  {len(each.addresses):7}  {age:>6}  {each.origin}")


@click.command(name="update-ranges")
@click.argument("name", required=False)
@click.argument("source", required=False, metavar="[FILE|URL]")
@evidence_option(
    "--autonomous-systems",
    variable="autonomous_systems",
    type=FILE,
    help="A database of network operators, for ranges that are published nowhere else.",
)
@data_option
@ranges_option
def update_ranges(
    name: str | None, source: str | None, ranges: Path, autonomous_systems: Path | None
) -> None:
    """Replace address ranges by newer ones.

    Without arguments all that have a published list; with NAME one of them; with a FILE or
    https URL by what that lists: one range a line, Apple's CSV, Google's, Amazon's, Azure's or
    Microsoft 365's JSON. What cannot be used leaves the ranges from before, and a running
    service takes up new ones within seconds.
    """
    # Here, because an HTTP client takes long to load, and no other command needs one.
    from pixel_service.range_updates import (  # noqa: PLC0415 - see above
        Outcome,
        load_catalogue,
        update,
        update_from,
    )

    if name is not None and source is not None:
        with one_line_errors():
            found = asyncio.run(update_from(source, ranges, name))
        click.echo(f"{name}: {found.networks} ranges")
        return
    with one_line_errors():
        catalogue = load_catalogue(ranges)
    if name is not None and name not in catalogue:
        raise click.BadParameter(f"{name!r} is published nowhere: name a FILE or URL")
    chosen = [each for each in catalogue.values() if name in (None, each.name)]

    async def update_all() -> "list[Update]":
        return [_say(await update(each, ranges, database=autonomous_systems)) for each in chosen]

    kept = [each for each in asyncio.run(update_all()) if each.outcome is Outcome.KEPT]
    if kept:
        raise click.ClickException(f"not updated: {', '.join(each.name for each in kept)}")


def _say(found: "Update") -> "Update":
    if found.reason:
        click.echo(f"{found.name}: {found.outcome.value}: {found.reason}", err=True)
    else:
        click.echo(f"{found.name}: {found.networks} ranges")
    return found


def _as_json(ranges: NamedRanges, now: dt.datetime) -> Mapping[str, object]:
    return {
        "name": ranges.name,
        "ranges": len(ranges.addresses),
        "asOf": ranges.as_of.isoformat().replace("+00:00", "Z"),
        "ageSeconds": int((now - ranges.as_of).total_seconds()),
        "origin": ranges.origin,
        "isBuiltIn": ranges.is_built_in,
    }
