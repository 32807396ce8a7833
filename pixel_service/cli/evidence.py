"""The operator's commands about evidence: `pixel-service evidence …`."""

import datetime as dt
import ipaddress
import json
from pathlib import Path

import click

from pixel_service.cli.evidence_in_words import asked_by, evidence_as_json, rule_as_json
from pixel_service.cli.evidence_options import (
    FILE,
    data_option,
    evidence_option,
    one_line_errors,
    ranges_option,
    rules_option,
)
from pixel_service.cli.evidence_ranges import print_ranges, update_ranges
from pixel_service.cli.rejudging import rejudge
from pixel_service.evidence import (
    MAX_MESSAGES_OF_ADDRESS,
    Evidence,
    Fetch,
    Judge,
    MailProvider,
    NetworkDatabases,
    OtherFetches,
    load_judge,
)
from service_runtime.cli import format_option
from service_runtime.spans import SECOND, Span


@click.group(name="evidence")
def evidence() -> None:
    """Look into how fetches are judged."""


evidence.add_command(print_ranges)
evidence.add_command(update_ranges)
evidence.add_command(rejudge)


@evidence.command(name="rules")
@rules_option
@format_option(default="table")
@data_option
@ranges_option
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
@click.option(
    "--messages",
    "messages_of_address",
    type=click.IntRange(0, MAX_MESSAGES_OF_ADDRESS),
    default=0,
    metavar="COUNT",
    help="How many messages the address fetches within a second.",
)
@click.option(
    "--second-network",
    "is_second_network",
    is_flag=True,
    help="Another network, with another user agent, has just fetched the message.",
)
@click.option(
    "--scanned", "is_scanned", is_flag=True, help="A scanner's network has fetched it before."
)
@click.option(
    "--recipient-behind",
    "provider",
    type=click.Choice([each.name.lower() for each in MailProvider if each], case_sensitive=False),
    help="Through whom the recipient's mail comes.",
)
@evidence_option(
    "--autonomous-systems",
    variable="autonomous_systems",
    type=FILE,
    help="A database of network operators, such as GeoLite2-ASN.mmdb.",
)
@evidence_option(
    "--countries",
    variable="countries",
    type=FILE,
    help="A database of countries, such as GeoLite2-Country.mmdb.",
)
@rules_option
@format_option(default="text", for_people="text")
@data_option
@ranges_option
def explain(  # noqa: PLR0913 - an option is an argument
    *,
    user_agent: str,
    ip_address: str,
    since: float | None,
    headers: tuple[str, ...],
    messages_of_address: int,
    is_second_network: bool,
    is_scanned: bool,
    provider: str | None,
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
            others=OtherFetches(messages_of_address, is_second_network, is_scanned),
            mail_provider=MailProvider[(provider or "unspecified").upper()],
        )
    )
    if format_ == "json":
        click.echo(json.dumps(evidence_as_json(found), indent=2))
    else:
        _print_evidence(found)


def _load(rules: Path | None, ranges: Path, databases: NetworkDatabases | None = None) -> Judge:
    with one_line_errors():
        return load_judge(rules=rules, ranges=ranges, networks=databases)


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
