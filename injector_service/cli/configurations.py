"""`injector-service configurations`: create, get, list, update, delete."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import click
from google.protobuf import field_mask_pb2, json_format

from emailopens.injector.v1 import configuration_service_pb2 as pb
from emailopens.injector.v1 import configuration_service_pb2_grpc as pb_grpc
from emailopens.notification.v1 import privacy_level_pb2
from injector_service.cli.target import CALL_SECONDS, PRIVACY_LEVELS, target_option
from injector_service.privacy import PrivacyLevel
from service_runtime.cli import format_option, wait_for
from service_runtime.target import Target, connect

# The most that the service puts into a page.
_PAGE_SIZE: Final = 1_000

_COLUMNS: Final = "{:<24} {:<13} {:<13} {:<10} {}"


@click.group()
def configurations() -> None:
    """Keep the configurations: who is tracked, and how."""


def _settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each field that can be set; those not given are None."""
    for option in reversed(
        (
            click.option("--display-name", metavar="TEXT", help="A name for people."),
            click.option("--description", metavar="TEXT", help="A note for people."),
            click.option(
                "--notifications/--no-notifications",
                "open_notifications_enabled",
                default=None,
                help="Whether opens are notified.",
            ),
            click.option(
                "--statistics/--no-statistics",
                "open_statistics_enabled",
                default=None,
                help="Whether opens are counted.",
            ),
            click.option(
                "--privacy-level", type=PRIVACY_LEVELS, help="How much of an open is kept."
            ),
            click.option(
                "--senders", metavar="LIST", help="Addresses and domains, comma-separated."
            ),
            click.option(
                "--notified-headers",
                metavar="LIST",
                help="Names of header fields, comma-separated.",
            ),
            click.option(
                "--open-expiry-days",
                type=click.IntRange(min=0),
                metavar="DAYS",
                help="For how many days after rewriting opens are recorded; 0: for ever.",
            ),
            click.option(
                "--pixel-base-url", metavar="URL", help="Where mail clients fetch pixels."
            ),
            click.option(
                "--pixel-placement",
                type=click.Choice(["end", "start"]),
                help="Where in the HTML the pixel is put.",
            ),
        )
    ):
        command = option(command)
    return command


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that the options set, by their names in the contract."""
    given = {name: value for name, value in options.items() if value is not None}
    for name in ("senders", "notified_headers"):
        if name in given:
            given[name] = [each.strip() for each in given[name].split(",") if each.strip()]
    if "pixel_placement" in given:
        name = f"PIXEL_PLACEMENT_{given['pixel_placement'].upper()}"
        given["pixel_placement"] = pb.Configuration.PixelPlacement.Value(name)
    if "privacy_level" in given:
        name = f"PRIVACY_LEVEL_{given['privacy_level'].upper()}"
        given["privacy_level"] = privacy_level_pb2.PrivacyLevel.Value(name)
    return given


@configurations.command()
@_settings_options
@target_option
@click.argument("configuration_id", default="")
def create(target: Target, configuration_id: str, **options: Any) -> None:  # noqa: ANN401 - click's
    """Create a configuration; without an ID a new one is made.

    Opens are notified unless --no-notifications is given.
    """
    given = {"open_notifications_enabled": True, **_given(options)}
    request = pb.CreateConfigurationRequest(
        configuration=pb.Configuration(id=configuration_id, **given)
    )

    async def call() -> pb.Configuration:
        async with connect(target) as channel:
            stub = pb_grpc.ConfigurationServiceStub(channel)
            response = await stub.CreateConfiguration(request, timeout=CALL_SECONDS)
            return response.configuration

    _print(wait_for(call()))


@configurations.command()
@target_option
@click.argument("configuration_id")
def get(target: Target, configuration_id: str) -> None:
    """Print a configuration."""
    request = pb.GetConfigurationRequest(configuration_id=configuration_id)

    async def call() -> pb.Configuration:
        async with connect(target) as channel:
            stub = pb_grpc.ConfigurationServiceStub(channel)
            response = await stub.GetConfiguration(request, timeout=CALL_SECONDS)
            return response.configuration

    _print(wait_for(call()))


@configurations.command("list")
@format_option(default="table")
@target_option
def list_configurations(target: Target, format_: Literal["json", "table"]) -> None:
    """List all configurations by their ID."""

    async def call() -> None:
        if format_ == "table":
            click.echo(_COLUMNS.format("ID", "NOTIFICATIONS", "STATISTICS", "PRIVACY", "NAME"))
        request = pb.ListConfigurationsRequest(page_size=_PAGE_SIZE)
        async with connect(target) as channel:
            stub = pb_grpc.ConfigurationServiceStub(channel)
            while True:
                page = await stub.ListConfigurations(request, timeout=CALL_SECONDS)
                _print_page(page.configurations, format_)
                if not page.next_page_token:
                    return
                request.page_token = page.next_page_token

    wait_for(call())


@configurations.command()
@_settings_options
@click.option("--etag", default="", help="Change it only if this is its etag.")
@target_option
@click.argument("configuration_id")
def update(
    target: Target,
    configuration_id: str,
    etag: str,
    **options: Any,  # noqa: ANN401 - click's
) -> None:
    """Change those settings of a configuration that are given."""
    given = _given(options)
    if not given:
        raise click.UsageError("nothing to change")
    request = pb.UpdateConfigurationRequest(
        configuration=pb.Configuration(id=configuration_id, etag=etag, **given),
        update_mask=field_mask_pb2.FieldMask(paths=sorted(given)),
    )

    async def call() -> pb.Configuration:
        async with connect(target) as channel:
            stub = pb_grpc.ConfigurationServiceStub(channel)
            response = await stub.UpdateConfiguration(request, timeout=CALL_SECONDS)
            return response.configuration

    _print(wait_for(call()))


@configurations.command()
@click.option("--etag", default="", help="Delete it only if this is its etag.")
@target_option
@click.argument("configuration_id")
def delete(target: Target, configuration_id: str, etag: str) -> None:
    """Delete a configuration; opens of sent messages are still recorded."""
    request = pb.DeleteConfigurationRequest(configuration_id=configuration_id, etag=etag)

    async def call() -> None:
        async with connect(target) as channel:
            stub = pb_grpc.ConfigurationServiceStub(channel)
            await stub.DeleteConfiguration(request, timeout=CALL_SECONDS)

    wait_for(call())


def _print(configuration: pb.Configuration) -> None:
    click.echo(json_format.MessageToJson(configuration, ensure_ascii=False))


def _print_page(page: Sequence[pb.Configuration], format_: Literal["json", "table"]) -> None:
    for configuration in page:
        if format_ == "json":
            click.echo(json_format.MessageToJson(configuration, indent=None, ensure_ascii=False))
            continue
        level = PrivacyLevel(configuration.privacy_level)
        click.echo(
            _COLUMNS.format(
                configuration.id,
                "yes" if configuration.open_notifications_enabled else "no",
                "yes" if configuration.open_statistics_enabled else "no",
                level.name.lower(),
                configuration.display_name,
            ).rstrip()
        )
