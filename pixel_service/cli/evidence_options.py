"""What several of the commands `pixel-service evidence …` are told, and how they fail."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import click

from pixel_service.evidence import EvidenceError, RulesInvalid
from pixel_service.settings import DEFAULT_DATA, RANGES_FOLDER

FILE: Final = click.Path(path_type=Path, dir_okay=False)
FOLDER: Final = click.Path(path_type=Path, file_okay=False)


def evidence_option(name: str, **attributes: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - click's own
    """Declare an option with the environment variable that `serve` reads for the same."""
    variable = f"EMAILOPENS_PIXEL_{attributes.pop('variable').upper()}"
    return click.option(name, envvar=variable, show_envvar=True, **attributes)


def _keep_data(ctx: click.Context, _: click.Parameter, data: Path) -> None:
    ctx.meta[__name__] = data


def _ranges_folder(ctx: click.Context, _: click.Parameter, ranges: Path | None) -> Path:
    """Return where `serve` with the same options looks for ranges."""
    data: Path = ctx.meta[__name__]
    return ranges or data / RANGES_FOLDER


rules_option = evidence_option(
    "--rules",
    variable="evidence_rules",
    type=FILE,
    show_default="built in",
    help="The rules by which fetches are judged.",
)
data_option = evidence_option(
    "--data",
    variable="data",
    type=FOLDER,
    default=DEFAULT_DATA,
    show_default=True,
    is_eager=True,  # before --ranges, which depends on it
    expose_value=False,
    callback=_keep_data,
    help="The service's data folder.",
)
ranges_option = evidence_option(
    "--ranges",
    variable="evidence_ranges",
    type=FOLDER,
    callback=_ranges_folder,
    show_default="ranges in the data folder",
    help="Folder of updated address ranges.",
)


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Say what is wrong in a line; of a rule file, each fault in a line of its own."""
    try:
        yield
    except RulesInvalid as error:
        for fault in error.faults:
            click.echo(fault, err=True)
        raise click.ClickException(f"faults in the rules: {len(error.faults)}") from error
    except EvidenceError as error:
        raise click.ClickException(str(error)) from error
