"""What the page looks like that shows what happens now."""

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import grpc
import htpy as h
from google.protobuf.timestamp_pb2 import Timestamp

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.pixel.v1 import operation_service_pb2
from pixel_service.page import words
from pixel_service.page.charts import Column, kind_of, over_time
from pixel_service.page.failures import meaning_of
from pixel_service.page.live import LAST_OPENS, MINUTES, RecentOpens
from pixel_service.page.quantities import count, duration, octets
from pixel_service.page.scrolling import scrolled
from pixel_service.page.tables import LONG, row
from pixel_service.page.texts import shown
from pixel_service.page.times import moment
from pixel_service.page.views import message_pages

LIVE: Final = "/live"
"""Where what is new comes from."""

# A glance; the message's own page has more.
_MOST_OF_SUBJECT: Final = 80

# The others are on their own pages.
_MOST_LATE: Final = 10

_COLUMNS: Final[Mapping[str, str]] = {
    "Opened": "",
    "By": "",
    "Message": LONG,
    "Recipient": LONG,
    "Configuration": "value",
}


def health(status: operation_service_pb2.GetServiceStatusResponse) -> Iterator[h.Node]:
    """Yield whether all is well, and what is not."""
    failing = [each for each in status.conditions if not each.holds]
    if failing:
        yield h.div(".outcome.bad", role="status")[
            h.h2["Something is wrong"],
            h.ul[
                [
                    h.li[f"It does not hold that {each.name} {each.detail}".strip()]
                    for each in failing
                ]
            ],
        ]
    else:
        yield h.div(".outcome.good", role="status")[
            h.h2["All is well"],
            h.p[_sentence([each.name for each in status.conditions])],
        ]
    yield h.dl(".numbers")[[h.div[h.dt[name], h.dd[value]] for name, value in _facts(status)]]


def _sentence(statements: Sequence[str]) -> str:
    text = ", ".join(statements)
    # Not `capitalize`, which would write "API" small.
    return f"{text[:1].upper()}{text[1:]}."


def _facts(status: operation_service_pb2.GetServiceStatusResponse) -> Iterator[tuple[str, h.Node]]:
    if status.HasField("oldest_waiting"):
        yield "Waits to be recorded", f"since {duration(status.oldest_waiting.ToTimedelta())}"
        yield f"In {count(status.journals, 'journal')}", octets(status.waiting_octets)
    else:
        yield "Waits to be recorded", "nothing"
    yield "Serves since", moment(status.start_time)
    yield "Version", status.version


def rate(recent: RecentOpens, now: dt.datetime) -> h.Element:
    """Return the chart of opens a minute."""
    minutes = recent.minutes(now)
    since = _stamp_of(max(recent.since, now - dt.timedelta(minutes=MINUTES)))
    return h.div("#rate")[
        over_time(
            [
                # Not by the clock: whose, this page does not know where scripts are off.
                Column(name=_ago(back), label=f"-{back} min" if back else "now", opens=opens)
                for back, (_, opens) in zip(reversed(range(len(minutes))), minutes, strict=True)
            ],
            chart_id="rate",
            title="Opens a minute",
        ),
        h.p(".muted")["Counted since ", moment(since), ". The last minute is not over."],
    ]


def _ago(minutes: int) -> str:
    return f"{minutes} min ago" if minutes else "this minute"


def latest(recent: RecentOpens) -> h.Element:
    """Return the table of the latest opens."""
    return scrolled(
        h.table(".listed")[
            h.caption(".hidden")[f"The latest {LAST_OPENS} opens, the newest first"],
            h.thead[h.tr[[h.th(scope="col")[name] for name in _COLUMNS]]],
            h.tbody("#latest")[rows(recent.latest())],
        ],
        "latest opens",
        is_tall=True,
    )


def rows(notifications: Sequence[pb.OpenNotification]) -> h.Node:
    """Return the rows of the table of the latest opens."""
    return [_row(each) for each in notifications]


def _row(notification: pb.OpenNotification) -> h.Element:
    mail, opened = notification.mail, notification.open
    kind = kind_of(opened.evidence.agent)
    return row(
        _COLUMNS,
        [
            moment(opened.open_time),
            h.span(class_=f"verdict {kind}")[words.verdict(opened.evidence)],
            _message(mail),
            shown(", ".join(mail.destination)) if mail.destination else "not kept",
            shown(notification.configuration_id),
        ],
    )


def _message(mail: pb.Mail) -> h.Node:
    if not mail.message_id:
        return "not kept"
    subject = mail.common_headers.subject
    text = shown(subject, most=_MOST_OF_SUBJECT) if subject else h.code[mail.message_id]
    return h.a(href=message_pages.path_of(mail.message_id))[text]


def silence(failure: grpc.aio.AioRpcError | None) -> h.Element:
    """Return what is said of live opens: nothing if they come."""
    text = "" if failure is None else f"Opens do not come in. {meaning_of(failure)}."
    return h.p("#silence.state.bad", role="status")[text]


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Late:
    """A reader that does not have everything."""

    lag: int
    kind: str
    name: str
    path: str
    is_paused: bool = False
    """Whether somebody wants it to wait."""


def behind(late: Sequence[Late]) -> h.Node:
    """Return who does not have everything, the furthest behind first; or that all do."""
    if not late:
        return h.p(".muted")[
            "Nobody: all subscriptions and webhooks that there are have everything."
        ]
    shown_ones = sorted(late, reverse=True)[:_MOST_LATE]
    return [
        h.ul[
            [
                h.li[
                    f"{each.kind} ",
                    h.a(href=each.path)[each.name],
                    ": ",
                    count(each.lag, "open"),
                    each.is_paused and ", paused",
                ]
                for each in shown_ones
            ]
        ],
        len(late) > _MOST_LATE and h.p(".muted")[f"And {count(len(late) - _MOST_LATE)} more."],
    ]


def _stamp_of(time: dt.datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(time.replace(microsecond=0))
    return stamp
