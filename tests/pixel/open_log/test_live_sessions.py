"""A process says how its streams end, and an outage of the log costs no more than that."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar, cast

import sqlalchemy as sa
import structlog

from pixel_service.errors import LogUnavailable
from pixel_service.open_log import BEGINNING, OpenLog
from pixel_service.open_log.sql import stream_statements
from pixel_service.open_log.sql.live_sessions import LiveSessions
from pixel_service.open_log.sql.subscriptions import Database

Answer = TypeVar("Answer")


async def test_an_end_that_cannot_be_written_stops_no_later_one(log: OpenLog) -> None:
    """An operator is told; sessions begin and end as before when the log is back."""
    database, store = cast("Database", log), log.subscriptions
    is_away = False

    async def execute(function: Callable[[sa.Connection], Answer], /) -> Answer:
        if is_away:
            raise LogUnavailable
        return await database.execute(function)

    async def a_session(live: LiveSessions) -> str:
        await live.prepare()
        begin = partial(stream_statements.begin_session, subscription_id="crm", consumer_name="")
        with live.beginning("crm") as token:
            await execute(partial(begin, token=token, owner=live.owner))
        return token

    live = LiveSessions(execute)
    await store.create_subscription("crm", start=BEGINNING)
    token = await a_session(live)
    is_away = True
    with structlog.testing.capture_logs() as said:
        live.ended("crm", token, code="ABORTED", reason="CONSUMER_STALLED")
        await live.written()
    is_away = False
    unwritten = await store.get_subscription("crm")
    live.ended("crm", await a_session(live), code="OK", reason="")
    await live.written()
    written = await store.get_subscription("crm")

    assert [each["event"] for each in said] == ["ends of streams not kept"]
    assert unwritten.is_streaming
    assert (written.is_streaming, written.last_stream_end and written.last_stream_end.code) == (
        False,
        "OK",
    )
