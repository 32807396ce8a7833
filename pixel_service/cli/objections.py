"""`pixel-service objections …`: who does not want to be tracked."""

from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import click

from emailopens.pixel.v1 import objection_service_pb2 as pb
from emailopens.pixel.v1 import objection_service_pb2_grpc as pb_grpc
from pixel_service.cli.asking import ask, yes_option
from pixel_service.cli.fitted_table import Column, FittedTable, terminal_width
from pixel_service.cli.output import Format, as_json
from pixel_service.cli.target import CALL_SECONDS, target_option
from pixel_service.cli.words import short_name
from service_runtime.cli import format_option, wait_for
from service_runtime.target import Target, connect

_PAGE: Final = 1_000

_COLUMNS: Final[tuple[Column[pb.Objection], ...]] = (
    Column(heading="ID", least=32, most=32, rank=0, value=lambda each: each.id),
    Column(
        heading="SUBJECT",
        least=9,
        most=9,
        rank=1,
        value=lambda each: short_name(pb.Objection.Subject.DESCRIPTOR, each.subject),
    ),
    Column(
        heading="SINCE",
        least=20,
        most=20,
        rank=2,
        value=lambda each: each.create_time.ToDatetime().isoformat("T", "seconds") + "Z",
    ),
)

_recipient_option: Final = click.option(
    "--recipient", metavar="ADDRESS", help="The objection of whoever has this address."
)
_message_option: Final = click.option(
    "--message-id", metavar="ID", help="The objection to the message with this ID."
)
_id_option: Final = click.option(
    "--objection",
    "objection_id",
    metavar="ID",
    help="The objection with this ID, as `list` has it.",
)


@click.group()
def objections() -> None:
    """Keep who has objected to being tracked.

    Of them nothing is recorded any more, whenever a message was sent.  Kept are keyed hashes,
    and no addresses.
    """


@objections.command()
@_recipient_option
@_message_option
@target_option
def create(target: Target, recipient: str | None, message_id: str | None) -> None:
    """Take an objection: of a recipient, or to a message.

    What was recorded before stays: `opens erase` removes it.
    """
    request = pb.CreateObjectionRequest(**_one_of(recipient=recipient, message_id=message_id))
    wait_for(_create(target, request))


async def _create(target: Target, request: pb.CreateObjectionRequest) -> None:
    async with connect(target) as channel:
        stub = pb_grpc.ObjectionServiceStub(channel)
        made = await stub.CreateObjection(request, timeout=CALL_SECONDS)
    click.echo(_table().row(made.objection))


@objections.command()
@_recipient_option
@_message_option
@_id_option
@target_option
def show(target: Target, **subject: str | None) -> None:
    """Show whether somebody has objected, and since when."""
    wait_for(_show(target, pb.GetObjectionRequest(**_one_of(**subject))))


async def _show(target: Target, request: pb.GetObjectionRequest) -> None:
    async with connect(target) as channel:
        stub = pb_grpc.ObjectionServiceStub(channel)
        found = await stub.GetObjection(request, timeout=CALL_SECONDS)
    click.echo(_table().row(found.objection))


@objections.command(name="list")
@format_option(default="table")
@target_option
def list_(target: Target, format_: Format) -> None:
    """List the objections; of whom they are only a hash says."""
    wait_for(_list(target, format_))


async def _list(target: Target, format_: Format) -> None:
    table = _table()
    line: Callable[[pb.Objection], str] = as_json if format_ == "json" else table.row
    if format_ == "table":
        click.echo(table.heading)
    async for objection in _all(target):
        click.echo(line(objection))


async def _all(target: Target) -> AsyncIterator[pb.Objection]:
    request = pb.ListObjectionsRequest(page_size=_PAGE)
    async with connect(target) as channel:
        stub = pb_grpc.ObjectionServiceStub(channel)
        while True:
            page = await stub.ListObjections(request, timeout=CALL_SECONDS)
            for objection in page.objections:
                yield objection
            request.page_token = page.next_page_token
            if not request.page_token:
                return


@objections.command()
@_recipient_option
@_message_option
@_id_option
@yes_option
@target_option
def delete(target: Target, *, yes: bool, **subject: str | None) -> None:
    """Withdraw an objection: opens are recorded again from now on."""
    request = pb.DeleteObjectionRequest(**_one_of(**subject))
    if not yes:
        ask(
            f"Record opens again at {target.address} of whoever had objected?",
            consent="withdraw an objection",
        )
    wait_for(_delete(target, request))


async def _delete(target: Target, request: pb.DeleteObjectionRequest) -> None:
    async with connect(target) as channel:
        stub = pb_grpc.ObjectionServiceStub(channel)
        await stub.DeleteObjection(request, timeout=CALL_SECONDS)


def _one_of(**subject: str | None) -> dict[str, Any]:
    """Return the one field that was given.

    Raises:
        click.UsageError: none was given, or several.
    """
    given = {name: text for name, text in subject.items() if text is not None}
    if len(given) != 1:
        *others, last = (
            "--objection" if name == "objection_id" else f"--{name.replace('_', '-')}"
            for name in subject
        )
        raise click.UsageError(f"say one of {', '.join(others)} and {last}")
    return given


def _table() -> FittedTable[pb.Objection]:
    return FittedTable(_COLUMNS, terminal_width())
