"""What several commands print alike: messages in lines or a table, and times in them."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import click
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from pixel_service.cli.fitted_table import Column, FittedTable, terminal_width
from pixel_service.cli.output import Format, as_json

Printed = TypeVar("Printed", bound=Message)


def print_rows(
    rows: Sequence[Printed], columns: Sequence[Column[Printed]], format_: Format
) -> None:
    """Print *rows*, each in a line."""
    table = FittedTable(columns, terminal_width())
    line: Callable[[Printed], str] = as_json if format_ == "json" else table.row
    if format_ == "table":
        click.echo(table.heading)
    for row in rows:
        click.echo(line(row))


def time_in(holder: Message, field: str) -> str:
    """Return the time in a field to the second; nothing if it is unset."""
    if not holder.HasField(field):
        return ""
    time: Timestamp = getattr(holder, field)
    return time.ToDatetime().isoformat("T", "seconds") + "Z"
