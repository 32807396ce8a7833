"""Opens as statistics see them, and questions to the statistics of a log."""

import datetime as dt
import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.notification.v1 import privacy_level_pb2
from pixel_service.intake.event_id import new_open_id
from pixel_service.open_log import (
    Counts,
    Dimension,
    Interval,
    OpenLog,
    OpenRecord,
    Statistics,
    StatisticsQuery,
    TrackedCount,
    TrackedPage,
)
from tests.pixel.open_log.log_values import NOON, UNNUMBERED, new_open

HOUR: Final = dt.timedelta(hours=1)
MIDNIGHT: Final = NOON.replace(hour=0)
NOON_HOUR: Final = int(NOON.timestamp()) // 3600

_revisions = itertools.count(1)


def counted_open(
    *,
    key: bytes | None = None,
    configuration_id: str = "news",
    agent: int = pb.AGENT_PERSON,
    confidence: int = pb.CONFIDENCE_HIGH,
    time: dt.datetime = NOON,
    tags: Mapping[str, Sequence[str]] | None = None,
    recipient: str = "someone@gmail.com",
    notified: bool = True,
) -> OpenRecord:
    """Return an open whose ID says when it was, and whose notification is a real one."""
    event_id = f"{new_open_id(int(time.timestamp() * 1e6))}:0"
    whole = pb.OpenNotification(
        event_id=event_id,
        configuration_id=configuration_id,
        privacy_level=privacy_level_pb2.PRIVACY_LEVEL_FULL,
    )
    whole.mail.message_id = "" if key is None else key.decode()
    if recipient:
        whole.mail.destination.append(recipient)
    for name, values in (tags or {}).items():
        whole.mail.tags[name].extend(values)
    return new_open(
        event_id,
        configuration_id=configuration_id,
        open_time=time,
        message_key=key,
        agent=agent,
        confidence=confidence,
        notified=notified,
        notification=whole.SerializeToString() + UNNUMBERED,
    )


async def count_all(*logs: OpenLog) -> None:
    """Count until there is nothing to count."""
    while any([await log.statistics.count_step() for log in logs]):
        pass


async def ask(
    log: OpenLog,
    *,
    days: int = 10,
    interval: Interval | None = None,
    dimension: Dimension = Dimension.TOTAL,
    tag: str = "",
    tag_key: str = "",
    told_apart: Collection[str] | None = None,
) -> Statistics:
    """Return what is counted in some days around noon."""
    span = dt.timedelta(days=days // 2)
    return await log.statistics.read(
        StatisticsQuery(
            start=MIDNIGHT - span,
            end=MIDNIGHT + span,
            interval=interval,
            dimension=dimension,
            tag=tag,
            tag_key=tag_key,
            told_apart=None if told_apart is None else frozenset(told_apart),
        )
    )


async def total(log: OpenLog) -> Counts:
    """Return everything that is counted."""
    found = await ask(log)
    return found.totals[0].counts if found.totals else Counts()


async def by_value(log: OpenLog, dimension: Dimension, *, tag_key: str = "") -> dict[str, Counts]:
    """Return everything that is counted, by the values of *dimension*."""
    found = await ask(log, dimension=dimension, tag_key=tag_key)
    return {row.value: row.counts for row in found.rows}


def tracked(
    *messages: int, source_id: str = "one", after_revision: int = 0, first_hour: int = NOON_HOUR
) -> TrackedPage:
    """Return a page that says how many messages were tracked in one hour after the other."""
    return TrackedPage(
        source_id=source_id,
        after_revision=after_revision,
        revision=next(_revisions),
        counts=[
            TrackedCount(first_hour + index, "news", Dimension.TOTAL, "", count)
            for index, count in enumerate(messages)
        ],
        counted_until=NOON,
    )
