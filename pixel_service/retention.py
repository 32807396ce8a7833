"""Keeps the log within its age and size, for as long as a process runs."""

import asyncio
import datetime as dt
import random
from typing import Final

import structlog

from pixel_service.errors import LogUnavailable
from pixel_service.openlog import OpenLog, Position

DEFAULT_RETENTION: Final = dt.timedelta(days=90)

# A step of trimming removes what came in one interval; an hour of 90 days is little.
DEFAULT_INTERVAL: Final = dt.timedelta(hours=1)

# Subscriptions whose next open is older than this share of the retention are warned
# of: nine days before they lose it, by default.
_WARNING_SHARE: Final = 0.9

# So that several processes do not trim at the same moment.
_JITTER: Final = 0.1

_SUBSCRIPTIONS_PAGE: Final = 500

_log = structlog.get_logger()


async def trim_regularly(
    log: OpenLog,
    *,
    retention: dt.timedelta = DEFAULT_RETENTION,
    max_octets: int | None = None,
    interval: dt.timedelta = DEFAULT_INTERVAL,
) -> None:
    """Trim *log* now and after every *interval*, without end.

    Logs which subscriptions are about to lose opens that they have not acknowledged,
    and which have.  A log that does not answer is tried again after the interval.
    """
    while True:
        try:
            await _trim(log, retention, max_octets)
        except LogUnavailable:
            _log.warning("log cannot be trimmed")
        jitter = 1 + _JITTER * random.uniform(-1, 1)  # noqa: S311 - not for secrets
        await asyncio.sleep(interval.total_seconds() * jitter)


async def _trim(log: OpenLog, retention: dt.timedelta, max_octets: int | None) -> None:
    soon = await log.position_at(dt.datetime.now(dt.UTC) - _WARNING_SHARE * retention)
    for subscription_id in await subscriptions_before(log, soon):
        _log.warning("subscription about to fall behind", subscription_id=subscription_id)
    trimmed = await log.trim(older_than=retention, max_octets=max_octets)
    for subscription_id in trimmed.subscriptions_behind:
        _log.warning("subscription fell behind", subscription_id=subscription_id)
    if trimmed.entries:
        _log.info("log trimmed", entries=trimmed.entries)


async def subscriptions_before(log: OpenLog, position: Position) -> list[str]:
    """Return the subscriptions that would lose opens if the log were trimmed to *position*.

    Those that have lost opens already do not count.
    """
    found: list[str] = []
    after_id = ""
    while page := await log.subscriptions.list_subscriptions(
        after_id=after_id, limit=_SUBSCRIPTIONS_PAGE
    ):
        found += [each.id for each in page if each.acknowledged < position and not each.fell_behind]
        after_id = page[-1].id
    return found
