"""What `pixel-service opens export` is asked for."""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Final

import click

from emailopens.notification.v1 import open_notification_pb2 as pb
from pixel_service.cli.start import parse_time


class Time(click.ParamType[dt.datetime]):
    """A time with its zone."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.datetime:
        """Return the time that *value* is."""
        if isinstance(value, dt.datetime):
            return value
        try:
            # In UTC, so that what no calendar has there is found here.
            return parse_time(str(value)).astimezone(dt.UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time such as 2026-05-04T12:00:00Z", param, ctx)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which opens are wanted, of those that the service sends."""

    from_time: dt.datetime | None
    to_time: dt.datetime | None
    tags: Sequence[tuple[str, str | None]]
    """Names and values, or names alone."""

    def has(self, notification: pb.OpenNotification) -> bool:
        """Return whether *notification* is one of them."""
        time = notification.open.open_time.ToDatetime(dt.UTC)
        return (
            (self.from_time is None or time >= self.from_time)
            and (self.to_time is None or time < self.to_time)
            and all(_has_tag(notification.mail, *tag) for tag in self.tags)
        )


def _has_tag(mail: pb.Mail, name: str, value: str | None) -> bool:
    return name in mail.tags and (value is None or value in list(mail.tags[name]))


def _parse_tags(
    _: click.Context, __: click.Parameter, texts: Sequence[str]
) -> Sequence[tuple[str, str | None]]:
    return [_parse_tag(text) for text in texts]


def _parse_tag(text: str) -> tuple[str, str | None]:
    name, separator, value = text.partition("=")
    if not name:
        raise click.BadParameter(f"{text!r} is not KEY or KEY=VALUE")
    return name, value if separator else None


tag_option: Final = click.option(
    "--tag",
    "tags",
    multiple=True,
    callback=_parse_tags,
    metavar="KEY[=VALUE]",
    help="Only opens of messages with this tag; if repeated, with each of them.",
)
