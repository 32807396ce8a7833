"""What only PostgreSQL can get wrong: order of commits, loss of the server, other machines."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

from pixel_service.errors import CursorForeignLog, LogSchemaOld, LogUnavailable
from pixel_service.notification import number_open
from pixel_service.open_log import (
    BEGINNING,
    OpenLog,
    OpenRecord,
    Position,
    connect,
    decode_cursor,
    encode_cursor,
    migrate,
)
from pixel_service.open_log.numbering import BurstWindow
from pixel_service.open_log.postgres import appending
from pixel_service.open_log.postgres.pool import Pool
from pixel_service.statistics import COUNTING_RULES
from tests.fixtures.postgres import Postgres, running_postgres
from tests.pixel.open_log.log_values import (
    LogHome,
    erase,
    event_ids,
    new_open,
    new_opens,
    numbers_of,
    read_all,
)
from tests.pixel.open_log.statistics_values import count_all, counted_open, total
from tests.pixel.open_log.webhook_values import new_webhook


@pytest.fixture
def log_home(postgres_home: LogHome) -> LogHome:
    """Have `log` on PostgreSQL alone."""
    return postgres_home


@contextlib.asynccontextmanager
async def connection_to(postgres: Postgres, database: str) -> AsyncIterator[Any]:
    connection = await postgres.connect(database)
    try:
        yield connection
    finally:
        await connection.close()


async def append_in(connection: Any, opens: list[OpenRecord]) -> None:  # noqa: ANN401 - untyped
    await appending.append(connection, opens, BurstWindow())


async def test_an_open_that_commits_late_is_not_passed(
    log: OpenLog, postgres: Postgres, database: str
) -> None:
    """A transaction takes its place, a later one commits first: a reader still sees both.

    Beside it, a reader that goes by sequence numbers alone, as most do, never sees
    the one that committed late.
    """
    late, early = new_opens(2)
    naive_seen: list[str] = []
    naive_after = 0
    seen: list[str] = []
    after = BEGINNING

    async def read_naively(connection: Any) -> None:  # noqa: ANN401 - untyped
        nonlocal naive_after
        for row in await connection.fetch(
            "SELECT sequence, event_id FROM opens WHERE sequence > $1 ORDER BY sequence",
            naive_after,
        ):
            naive_after = row[0]
            naive_seen.append(row[1])

    async def read() -> None:
        nonlocal after
        page = await log.read(after=after, max_entries=10, max_octets=10_000)
        seen.extend(event_ids(page.entries))
        after = page.after

    async with (
        connection_to(postgres, database) as writing,
        connection_to(postgres, database) as reading,
    ):
        async with writing.transaction():
            await append_in(writing, [late])
            await log.append([early])
            await read_naively(reading)
            await read()
            assert seen == []
        await read_naively(reading)
        await read()

    assert naive_seen == [early.event_id]
    assert seen == [late.event_id, early.event_id]


async def test_a_following_reader_misses_nothing_among_concurrent_writers(
    log: OpenLog, postgres: Postgres, database: str
) -> None:
    """Writers whose commits overlap in all ways: the reader sees every open, in one order."""
    batches = [new_opens(3) for _ in range(120)]

    async def write(share: list[list[OpenRecord]]) -> None:
        async with connection_to(postgres, database) as connection:
            for index, batch in enumerate(share):
                async with connection.transaction():
                    await append_in(connection, batch)
                    if index % 5 == 0:
                        await connection.execute("SELECT pg_sleep(0.01)")

    writing = asyncio.gather(*(write(batches[start::6]) for start in range(6)))
    seen: list[str] = []
    after = BEGINNING
    while len(seen) < 360:
        page = await log.read(after=after, max_entries=50, max_octets=100_000)
        seen += event_ids(page.entries)
        after = page.after
        if page.at_head and len(seen) < 360:
            await log.wait_for_news(after=after)
    await writing

    assert sorted(seen) == sorted(event_ids([open_ for batch in batches for open_ in batch]))
    assert event_ids(await read_all(log)) == seen


async def test_a_transaction_that_holds_readers_back_is_visible_to_operators(
    log: OpenLog, postgres: Postgres, database: str
) -> None:
    """The stats say for how long recorded opens have waited to become readable."""
    async with connection_to(postgres, database) as elsewhere:
        async with elsewhere.transaction():
            await elsewhere.execute("CREATE TABLE something (id int)")
            await log.append(new_opens(1))
            assert await log.head() == BEGINNING
            assert (await log.stats()).held_back_seconds > 0
        assert (await log.stats()).held_back_seconds == 0
        await log.wait_for_news(after=BEGINNING)

    assert len(await read_all(log)) == 1


async def test_erasing_reaches_opens_that_readers_may_not_see_yet(
    log: OpenLog, postgres: Postgres, database: str
) -> None:
    """Somebody's transaction that stays open holds readers back, and not erasing."""
    async with connection_to(postgres, database) as connection, connection.transaction():
        await connection.fetchval("SELECT pg_current_xact_id()")
        await log.append([new_open(message_id="doomed"), new_open(message_id="kept")])
        assert await log.head() == BEGINNING
        assert await erase(log, lambda notification: b"doomed" in notification) == 1

    assert len(await read_all(log)) == 1


async def test_two_processes_number_the_opens_of_a_message_together(log_home: LogHome) -> None:
    """Concurrent appends of one message to two connections give each number once."""
    async with log_home.connect() as one, log_home.connect() as other:
        batches = [[new_open(message_key=b"k" * 16) for _ in range(3)] for _ in range(40)]
        await asyncio.gather(
            *((one, other)[index % 2].append(batch) for index, batch in enumerate(batches))
        )
        entries = await read_all(one)

    numbers = sorted(numbers_of(entry)[0] for entry in entries)
    assert numbers == list(range(1, 121))
    assert sum(entry.first_open for entry in entries) == 1


async def test_a_database_that_was_not_migrated_is_refused_in_one_line(postgres: Postgres) -> None:
    """Serving without tables ends at once with a sentence that says what to run."""
    url = postgres.url_of(await postgres.create_database())

    with pytest.raises(LogSchemaOld, match=r"^[^\n]*pixel-service log migrate[^\n]*$"):
        async with connect(url, number_open=number_open, counting_rules=COUNTING_RULES):
            raise AssertionError("connected")


async def test_migrating_twice_at_once_is_safe(postgres: Postgres) -> None:
    """Two operators who migrate at the same moment get one log."""
    url = postgres.url_of(await postgres.create_database())
    await asyncio.gather(*(migrate(url) for _ in range(3)))
    await migrate(url)

    async with connect(url, number_open=number_open, counting_rules=COUNTING_RULES) as log:
        assert await log.head() == Position(0, 0)


async def skip_second(log: OpenLog, places: list[Position]) -> None:
    """Let the webhook `crm` skip the second open, and stand after it."""
    await log.webhooks.create(new_webhook("crm", at=places[0]))
    (webhook,) = await log.webhooks.lease("me", length=dt.timedelta(minutes=1))
    await log.webhooks.skip(
        webhook, "me", event_id="second", before=places[0], up_to=places[1], error="status 422"
    )


async def test_a_log_restored_into_another_cluster_goes_on(postgres: Postgres) -> None:
    """It is refused until migrated; then everything is readable, and nothing is missed.

    The dump comes from a cluster that has counted further than this one ever will here.
    """
    name = await postgres.create_database()
    url = postgres.url_of(name)
    await migrate(url)
    opens = new_opens(6)
    async with connect(url, number_open=number_open, counting_rules=COUNTING_RULES) as log:
        await log.append(opens)
        places = [entry.position for entry in await read_all(log)]
        await log.subscriptions.create_subscription("crm", start=places[2])
        await skip_second(log, places)
        old_cursor = encode_cursor(places[2], log.identity)
    await postgres.execute(
        name,
        "UPDATE open_log SET system_identifier = '1'; "
        "UPDATE opens SET transaction_id = transaction_id + 1000000000; "
        "UPDATE open_subscriptions "
        "SET acknowledged_transaction = acknowledged_transaction + 1000000000; "
        "UPDATE open_webhooks SET delivered_transaction = delivered_transaction + 1000000000; "
        "UPDATE open_webhook_skips SET transaction_id = transaction_id + 1000000000, "
        "before_transaction = before_transaction + 1000000000",
    )

    with pytest.raises(LogSchemaOld, match="restored into another"):
        async with connect(url, number_open=number_open, counting_rules=COUNTING_RULES):
            raise AssertionError("connected")
    await migrate(url)
    async with connect(url, number_open=number_open, counting_rules=COUNTING_RULES) as log:
        later = new_open()
        await log.append([later])
        assert event_ids(await read_all(log)) == event_ids([*opens, later])
        subscription = await log.subscriptions.get_subscription("crm")
        rest = await read_all(log, after=subscription.acknowledged)
        assert event_ids(rest) == event_ids([*opens[3:], later])
        webhook = await log.webhooks.get("crm")
        rest = await read_all(log, after=webhook.delivered)
        assert event_ids(rest) == event_ids([*opens[2:], later])
        ((_, skipped),) = await log.webhooks.skipped("crm", below=None, limit=10)
        rest = await read_all(log, after=skipped.before)
        assert event_ids(rest) == event_ids([*opens[1:], later])
        with pytest.raises(CursorForeignLog):
            decode_cursor(old_cursor, log.identity)


async def test_statistics_of_a_restored_log_go_on(postgres: Postgres) -> None:
    """Each open is counted once, also one that was not yet and had a number before others."""
    name = await postgres.create_database()
    url = postgres.url_of(name)
    await migrate(url)
    async with connect(url, number_open=number_open, counting_rules=COUNTING_RULES) as log:
        await log.append([counted_open(key=b"a" * 16) for _ in range(4)])
        await log.statistics.count_step(max_entries=2)
    # The third one's transaction began after that of the others, and drew its number before.
    await postgres.execute(
        name,
        "UPDATE open_log SET system_identifier = '1'; "
        "UPDATE opens SET sequence = sequence + 10; "
        "UPDATE open_statistics_state SET sequence = sequence + 10; "
        "UPDATE open_statistics_messages "
        "SET least_sequence = least_sequence + 10, most_sequence = most_sequence + 10; "
        "UPDATE opens SET sequence = 2, transaction_id = transaction_id + 1 WHERE sequence = 13",
    )

    await migrate(url)
    async with connect(url, number_open=number_open, counting_rules=COUNTING_RULES) as log:
        await log.append([counted_open(key=b"a" * 16)])
        await count_all(log)
        counts = await total(log)
        assert (counts.opens, counts.first_opens, counts.opened_at_least) == (5, 1, 1)
        positions = [entry.position for entry in await read_all(log, after=await log.earliest())]
        assert positions == sorted(set(positions))
        assert len(positions) == 5


async def test_the_log_comes_back_after_the_server_was_killed() -> None:
    """While the server is away every call says so; afterwards all goes on, nothing lost."""
    with running_postgres() as server:
        url = server.url_of(await server.create_database())
        await migrate(url)
        async with connect(url, number_open=number_open, counting_rules=COUNTING_RULES) as log:
            first, lost, second = new_opens(3)
            await log.append([first])
            server.kill()
            with pytest.raises(LogUnavailable):
                await log.append([lost])
            with pytest.raises(LogUnavailable):
                await log.head()
            server.start()
            await append_until_taken(log, [lost])
            waiting = asyncio.create_task(log.wait_for_news(after=await log.head()))
            await log.append([second])
            await waiting

            assert event_ids(await read_all(log)) == event_ids([first, lost, second])


async def append_until_taken(log: OpenLog, opens: list[OpenRecord]) -> None:
    """Append *opens*, again while stale connections are found."""
    for _ in range(20):
        try:
            await log.append(opens)
        except LogUnavailable:
            continue
        return
    raise AssertionError("the log did not come back")


async def test_errors_of_the_database_hold_no_parameters(postgres: Postgres, database: str) -> None:
    """What is logged of an error tells nothing of an open."""
    pool = Pool(sa.make_url(postgres.url_of(database)))
    statement = sa.text("INSERT INTO nowhere VALUES (:x)")
    with pytest.raises(LogUnavailable) as caught:
        await pool.run(
            lambda connection: connection.execute(statement, {"x": "telltale"}), writes=True
        )
    await pool.dispose()
    said = str(caught.value.__cause__)

    assert "nowhere" in said
    assert "telltale" not in said


async def test_what_is_listed_while_a_webhook_is_deleted_is_deleted_too(
    log: OpenLog, postgres: Postgres, database: str
) -> None:
    """Whoever creates a webhook of the same ID later sees nothing of it."""
    await log.webhooks.create(new_webhook())
    async with connection_to(postgres, database) as looking:
        async with connection_to(postgres, database) as elsewhere, elsewhere.transaction():
            await elsewhere.execute("UPDATE open_webhooks SET last_error = 'status 422'")
            await elsewhere.execute(
                "INSERT INTO open_webhook_skips (webhook_id, event_id, transaction_id, sequence,"
                " before_transaction, before_sequence, skip_us, error)"
                " VALUES ('crm', 'a:0', 1, 1, 0, 0, 0, 'status 422')"
            )
            deleting = asyncio.create_task(log.webhooks.delete("crm"))
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            while not await looking.fetchval(waiting):  # noqa: ASYNC110 - only looking tells
                await asyncio.sleep(0.01)
        await deleting
        assert await looking.fetchval("SELECT count(*) FROM open_webhook_skips") == 0
