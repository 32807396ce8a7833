"""Streams over a log on PostgreSQL, whose connections and transactions are not ours alone."""

import asyncio
import datetime as dt
import os
from collections.abc import AsyncIterator

import pytest

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens_client import LogEnd, OpenStream
from pixel_service.errors import LogUnavailable
from pixel_service.open_log import OpenLog, OpenRecord
from service_runtime.background import tasks_down
from tests.fixtures.postgres import Postgres
from tests.pixel.open_log.log_values import event_ids, new_opens
from tests.pixel.open_log.test_open_log_postgres import connection_to
from tests.pixel.service_values import StreamService, log_at, streaming

CLIENTS = 10

# Here; `make test-crash` ends 20 for each of its kills.
ENDED_CONNECTIONS = max(300, 20 * int(os.environ.get("EMAILOPENS_CRASH_KILLS", "1")))


@pytest.fixture
async def service(postgres: Postgres, database: str) -> AsyncIterator[StreamService]:
    async with log_at(postgres.url_of(database)) as log, streaming(log) as running:
        yield running


async def append(log: OpenLog, opens: list[OpenRecord]) -> None:
    """Append until the log has taken it, as whatever records does."""
    while True:
        try:
            await log.append(opens)
        except LogUnavailable:
            continue
        else:
            return


@pytest.mark.timeout(120 + ENDED_CONNECTIONS // 10)
async def test_ended_connections_leave_every_stream_alive(
    service: StreamService, postgres: Postgres, database: str
) -> None:
    """A failover, a pooler or an administrator ends them at any moment, again and again."""
    opens: list[OpenRecord] = []
    is_over = asyncio.Event()

    async def follow() -> list[str]:
        found: list[str] = []
        async with OpenStream(service.address, position=LogEnd.EARLIEST) as stream:
            async for notification in stream:
                found.append(notification.event_id)
                if is_over.is_set() and len(found) == len(opens):
                    break
        return found

    async with asyncio.TaskGroup() as group, connection_to(postgres, database) as operator:
        followers = [group.create_task(follow()) for _ in range(CLIENTS)]
        ended = 0
        while ended < ENDED_CONNECTIONS:
            opens += (some := new_opens(3))
            await append(service.log, some)
            ended += await operator.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        is_over.set()
        opens += (last := new_opens(1))
        await append(service.log, last)

    for follower in followers:
        assert sorted(follower.result()) == sorted(event_ids(opens))
        assert follower.result() == followers[0].result()
    assert "tail of the log" not in tasks_down()


async def test_heartbeat_tells_that_opens_are_held_back(
    service: StreamService, postgres: Postgres, database: str
) -> None:
    """A client that is sent nothing learns that there is something, and since when."""
    request = pb.StreamOpensRequest(position=pb.POSITION_EARLIEST)
    request.heartbeat_interval.seconds = 1
    call = service.pixel.StreamOpens(request)

    async def next_of(kind: str) -> pb.StreamOpensResponse:
        while True:
            response = await call.read()
            assert isinstance(response, pb.StreamOpensResponse)
            if response.HasField(kind):  # type: ignore[arg-type] # one of the event's members
                return response

    before = (await next_of("heartbeat")).heartbeat
    opens = new_opens(1)
    async with connection_to(postgres, database) as elsewhere, elsewhere.transaction():
        await elsewhere.execute("CREATE TEMPORARY TABLE something (id int)")
        began = dt.datetime.now(dt.UTC)
        await service.log.append(opens)
        while not (during := (await next_of("heartbeat")).heartbeat).HasField("held_back_since"):
            pass
    batch = (await next_of("batch")).batch
    while (after := (await next_of("heartbeat")).heartbeat).HasField("held_back_since"):
        pass
    call.cancel()

    assert before.caught_up
    assert not before.HasField("held_back_since")
    assert not during.caught_up
    since = during.held_back_since.ToDatetime(dt.UTC)
    assert began <= since <= during.server_time.ToDatetime(dt.UTC) - dt.timedelta(seconds=1)
    assert [each.event_id for each in batch.notifications] == event_ids(opens)
    assert after.caught_up


async def test_client_knows_that_opens_are_held_back(
    service: StreamService, postgres: Postgres, database: str
) -> None:
    """A body that waits can be asked why, until the open has come."""
    opens = new_opens(1)
    async with OpenStream(
        service.address, position=LogEnd.EARLIEST, heartbeat_interval=dt.timedelta(seconds=1)
    ) as stream:
        waiting = asyncio.create_task(stream.next_batch())
        async with connection_to(postgres, database) as elsewhere, elsewhere.transaction():
            await elsewhere.execute("CREATE TEMPORARY TABLE something (id int)")
            await service.log.append(opens)
            while stream.held_back_since is None:  # noqa: ASYNC110 - heartbeats set it
                await asyncio.sleep(0.01)
        batch = await waiting
        next_wait = asyncio.create_task(stream.next_batch())
        while stream.held_back_since is not None or not stream.caught_up:  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.01)
        next_wait.cancel()

    assert [each.event_id for each in batch.notifications] == event_ids(opens)
