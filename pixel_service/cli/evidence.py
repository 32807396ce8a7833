"""The operator's commands about evidence: `pixel-service evidence …`."""

import contextlib
import datetime as dt
import ipaddress
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import click

from pixel_service.cli.evidence_in_words import asked_by, evidence_as_json, rule_as_json
from pixel_service.evidence import (
    Evidence,
    EvidenceError,
    Fetch,
    Judge,
    NetworkDatabases,
    RulesInvalid,
    load_judge,
    store_ranges,
)
from pixel_service.evidence.range_download import read_source
from pixel_service.settings import DEFAULT_DATA, RANGES_FOLDER
from service_runtime.cli import format_option
from service_runtime.spans import SECOND, Span

_FILE: Final = click.Path(path_type=Path, dir_okay=False)
_FOLDER: Final = click.Path(path_type=Path, file_okay=False)


def _option(name: str, **attributes: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - click's own
    """Declare an option with the environment variable that `serve` reads for the same."""
    variable = f"EMAILOPENS_PIXEL_{attributes.pop('variable').upper()}"
    return click.option(name, envvar=variable, show_envvar=True, **attributes)


def _keep_data(ctx: click.Context, _: click.Parameter, data: Path) -> None:
    ctx.meta[__name__] = data


def _ranges_folder(ctx: click.Context, _: click.Parameter, ranges: Path | None) -> Path:
    """Return where `serve` with the same options looks for ranges."""
    data: Path = ctx.meta[__name__]
    return ranges or data / RANGES_FOLDER


_rules_option = _option(
    "--rules",
    variable="evidence_rules",
    type=_FILE,
    show_default="built in",
    help="The rules by which fetches are judged.",
)
_data_option = _option(
    "--data",
    variable="data",
    type=_FOLDER,
    default=DEFAULT_DATA,
    show_default=True,
    is_eager=True,  # before --ranges, which depends on it
    expose_value=False,
    callback=_keep_data,
    help="The service's data folder.",
)
_ranges_option = _option(
    "--ranges",
    variable="evidence_ranges",
    type=_FOLDER,
    callback=_ranges_folder,
    show_default="ranges in the data folder",
    help="Folder of updated address ranges.",
)


@click.group(name="evidence")
def evidence() -> None:
    """Look into how fetches are judged."""


@evidence.command(name="rules")
@_rules_option
@format_option(default="table")
@_data_option
@_ranges_option
def print_rules(rules: Path | None, ranges: Path, format_: str) -> None:
    """Print the rules, or all that is wrong with them."""
    ruleset = _load(rules, ranges).ruleset
    if format_ == "json":
        click.echo(json.dumps([rule_as_json(rule) for rule in ruleset.rules], indent=2))
        return
    click.echo(f"version {ruleset.version}, {len(ruleset.rules)} rules")
    for rule in ruleset.rules:
        signal = rule.signal
        click.echo(f"\n{rule.name}: {signal.agent.name}, {signal.confidence.name}")
        click.echo(f"  seen    {signal.seen}")
        for what, asked in asked_by(rule).items():
            click.echo(f"  if      {what} {asked}")
        if rule.overrides:
            click.echo(f"  instead of {', '.join(sorted(rule.overrides))}")
        if rule.at_most_low:
            agents = ", ".join(sorted(agent.name for agent in rule.at_most_low))
            click.echo(f"  at most LOW  {agents}")
        click.echo(f"  source  {signal.source}")


@evidence.command()
@click.option("--user-agent", default="", metavar="TEXT", help="The User-Agent header field.")
@click.option("--ip", "ip_address", default="", metavar="ADDRESS", help="The address that fetches.")
@click.option(
    "--after",
    "since",
    type=Span(SECOND),
    metavar="SECONDS",
    help="How long after acceptance it fetches.",
)
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="NAME:VALUE",
    help="Another header field of the fetch; may be repeated.",
)
@_option(
    "--autonomous-systems",
    variable="autonomous_systems",
    type=_FILE,
    help="A database of network operators, such as GeoLite2-ASN.mmdb.",
)
@_option(
    "--countries",
    variable="countries",
    type=_FILE,
    help="A database of countries, such as GeoLite2-Country.mmdb.",
)
@_rules_option
@format_option(default="text", for_people="text")
@_data_option
@_ranges_option
def explain(
    *,
    user_agent: str,
    ip_address: str,
    since: float | None,
    headers: tuple[str, ...],
    autonomous_systems: Path | None,
    countries: Path | None,
    rules: Path | None,
    ranges: Path,
    format_: str,
) -> None:
    """Show how a fetch is judged, and by which rules."""
    databases = NetworkDatabases(autonomous_systems=autonomous_systems, countries=countries)
    judge = _load(rules, ranges, databases)
    now = dt.datetime.now(dt.UTC)
    found = judge.judge(
        Fetch(
            ip_address=_address(ip_address),
            user_agent=user_agent,
            headers=dict(map(_parse_header, headers)),
            open_time=now,
            acceptance_time=None if since is None else now - since * SECOND,
        )
    )
    if format_ == "json":
        click.echo(json.dumps(evidence_as_json(found), indent=2))
    else:
        _print_evidence(found)


@evidence.command(name="update-ranges")
@click.argument("name")
@click.argument("source", metavar="FILE|URL")
@_data_option
@_ranges_option
def update_ranges(name: str, source: str, ranges: Path) -> None:
    """Replace the address ranges NAME by newer ones.

    From a file or an https URL. Understands one range a line, Apple's
    egress-ip-ranges.csv and Google's JSON. A running service reads ranges when it
    starts.
    """
    today = dt.datetime.now(dt.UTC).date()
    with _one_line_errors():
        count = store_ranges(ranges, name, read_source(source), origin=f"{today} from {source}")
    click.echo(f"{name}: {count} ranges")


def _load(rules: Path | None, ranges: Path, databases: NetworkDatabases | None = None) -> Judge:
    with _one_line_errors():
        return load_judge(rules=rules, ranges=ranges, networks=databases)


@contextlib.contextmanager
def _one_line_errors() -> Iterator[None]:
    """Say what is wrong in a line; of a rule file, each fault in a line of its own."""
    try:
        yield
    except RulesInvalid as error:
        for fault in error.faults:
            click.echo(fault, err=True)
        raise click.ClickException(f"faults in the rules: {len(error.faults)}") from error
    except EvidenceError as error:
        raise click.ClickException(str(error)) from error


def _parse_header(text: str) -> tuple[str, str]:
    name, separator, value = text.partition(":")
    if not separator or not name.strip():
        raise click.BadParameter(f"{text!r} is not NAME:VALUE", param_hint="--header")
    return name.strip().lower(), value.strip()


def _address(text: str) -> str:
    # A fetch always has an address or none; a typing error is neither.
    try:
        return str(ipaddress.ip_address(text)) if text else ""
    except ValueError:
        raise click.BadParameter(f"{text!r} is not an IP address", param_hint="--ip") from None


def _print_evidence(found: Evidence) -> None:
    click.echo(f"{found.agent.name}, {found.confidence.name} (rules {found.ruleset_version})")
    for signal in found.signals:
        click.echo(f"  {signal.name}: {signal.agent.name}, {signal.confidence.name}")
        click.echo(f"    seen    {signal.seen}")
        click.echo(f"    source  {signal.source}")
    if found.client is not None:
        client = found.client
        said = (client.name, client.operating_system, client.device)
        click.echo(f"  client: {', '.join(word for word in said if word)}")
    if found.network is not None:
        click.echo(
            f"  network: {found.network.operator} AS{found.network.autonomous_system_number} "
            f"{found.network.country}"
        )
