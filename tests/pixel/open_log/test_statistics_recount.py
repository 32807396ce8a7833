"""Statistics say what a recount of the log's opens says, whatever has happened to them."""

import asyncio
import dataclasses
import datetime as dt
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pixel_service.notification import number_open
from pixel_service.open_log import (
    Counts,
    Dimension,
    Interval,
    LogEntry,
    OpenLog,
    OpenRecord,
    Revision,
    StatisticsQuery,
    connect,
    migrate,
)
from pixel_service.open_log.sql.trimming import Trimmable
from pixel_service.statistics import COUNTING_RULES
from tests.fixtures.postgres import Postgres
from tests.pixel.open_log.log_values import EMPTY_LOG, NOON, LogHome, erase, read_all, revise
from tests.pixel.open_log.statistics_recount import CONFIGURATIONS, Key, Recount
from tests.pixel.open_log.statistics_values import count_all, counted_open

KEYS = (None, b"a" * 16, b"b" * 16, b"c" * 16)
TAGS = ("spring", "autumn")
appends = st.tuples(
    st.just("append"),
    st.lists(
        st.tuples(
            st.sampled_from(KEYS),
            st.sampled_from(CONFIGURATIONS),
            st.integers(0, 6),  # agent
            st.integers(0, 3),  # confidence
            st.integers(0, 50),  # hours late
            st.sampled_from(TAGS),
        ),
        min_size=1,
        max_size=8,
    ),
)
others = st.one_of(
    st.tuples(st.just("count"), st.integers(1, 5)),
    st.tuples(st.just("erase"), st.sampled_from(KEYS[1:])),
    st.tuples(
        st.just("revise"), st.tuples(st.integers(0, 6), st.integers(0, 3), st.integers(1, 3))
    ),
    st.tuples(st.just("repeat"), st.none()),
    st.tuples(st.just("trim"), st.integers(1, 6)),
)
actions = st.lists(st.one_of(appends, others), min_size=1, max_size=12)


def make_open(kind: tuple[bytes | None, str, int, int, int, str]) -> OpenRecord:
    """Return an open of these properties."""
    key, configuration_id, agent, confidence, late, tag = kind
    return counted_open(
        key=key,
        configuration_id=configuration_id,
        agent=agent,
        confidence=confidence,
        time=NOON - dt.timedelta(hours=late),
        tags={"season": [tag]},
    )


async def present(log: OpenLog) -> list[LogEntry]:
    """Return what *log* holds."""
    return await read_all(log, after=await log.earliest())


async def kept(log: OpenLog) -> Mapping[Key, Counts]:
    """Return what the statistics of *log* say, by the same keys."""
    found = {}
    for configuration_id in CONFIGURATIONS:
        for dimension in (Dimension.TOTAL, *list(Dimension)[2:]):
            query = StatisticsQuery(
                start=NOON - dt.timedelta(days=5),
                end=NOON + dt.timedelta(days=5),
                interval=Interval.HOUR,
                configuration_ids=frozenset({configuration_id}),
                dimension=dimension,
            )
            answer = await log.statistics.read(query)
            assert answer.uncounted == 0
            for row in answer.totals if dimension is Dimension.TOTAL else answer.rows:
                hour = int(row.start.timestamp()) // 3600
                found[hour, configuration_id, dimension, row.value] = row.counts
            days = await log.statistics.read(
                dataclasses.replace(
                    query,
                    interval=Interval.DAY,
                    start=query.start.replace(hour=0),
                    end=query.end.replace(hour=0),
                )
            )
            assert sum(row.counts.opened_at_most for row in days.totals) == sum(
                row.counts.opened_at_most for row in answer.totals
            )
    return found


async def check(url: str, steps: Sequence[tuple[str, Any]]) -> None:
    """Do *steps* with two processes, and compare."""
    async with connect(url, number_open=number_open, counting_rules=COUNTING_RULES) as log:
        if url.startswith("sqlite"):
            await compare(log, log, steps)
            return
        async with connect(url, number_open=number_open, counting_rules=COUNTING_RULES) as other:
            await compare(log, other, steps)


async def compare(log: OpenLog, other: OpenLog, steps: Sequence[tuple[str, Any]]) -> None:
    """Do *steps*, by one process and the other in turn, and compare."""
    last: list[OpenRecord] = []
    recount = Recount()
    for index, (name, argument) in enumerate(steps):
        one = log if index % 2 else other
        if name == "append":
            last = [make_open(kind) for kind in argument]
            await one.append(last)
        elif name == "repeat":
            await one.append(last)
        elif name == "count":
            await one.statistics.count_step(max_entries=argument)
        elif name == "erase":
            await erase(one, lambda _: False, message_keys=[argument])
            recount.erased(argument.decode())
        elif name == "trim":
            # What is removed before it is counted never counts.
            await count_all(log, other)
            before = await present(one)
            head = await one.head()
            await cast("Trimmable", one).trim_step(up_to=head, max_entries=argument)
            recount.trimmed(before, await present(one))
        else:
            await revise(one, judged(*argument))
    await count_all(log, other)
    assert await kept(log) == recount.of(await present(log))


def judged(agent: int, confidence: int, every: int) -> Callable[[bytes], Revision | None]:
    """Return what judges one of so many opens again."""
    numbers = itertools.count()

    def revision_of(notification: bytes) -> Revision | None:
        return None if next(numbers) % every else Revision(agent, confidence, notification)

    return revision_of


# The second open takes the place of the first, which a scanner is found to have made.
LOST = (
    ("append", [(KEYS[1], "news", 1, 3, 0, "spring"), (KEYS[1], "news", 1, 3, 5, "spring")]),
    ("count", 5),
    ("revise", (4, 3, 2)),
)
# The first one takes it from the second.
FOUND = (
    ("append", [(KEYS[1], "news", 4, 3, 0, "spring"), (KEYS[1], "news", 1, 3, 5, "autumn")]),
    ("count", 5),
    ("revise", (1, 3, 2)),
)


def test_statistics_equal_a_recount_on_sqlite(tmp_path: Path) -> None:
    """Whatever was appended, counted, erased, removed and judged again in whichever order."""
    file = tmp_path / "opens.db"
    asyncio.run(make_log(file))
    empty = file.read_bytes()

    @given(steps=actions)
    @example(steps=LOST)
    @example(steps=FOUND)
    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    def holds(steps: Sequence[tuple[str, Any]]) -> None:
        file.write_bytes(empty)
        asyncio.run(check(f"sqlite:///{file}", steps))

    holds()


async def make_log(file: Path) -> None:
    """Make an empty log in *file*, once: that takes longer than an example."""
    async with connect(f"sqlite:///{file}", number_open=number_open, counting_rules=COUNTING_RULES):
        pass


def test_statistics_equal_a_recount_on_postgresql(postgres: Postgres) -> None:
    """The same with two processes on one database."""
    database = asyncio.run(postgres.create_database())
    url = postgres.url_of(database)
    asyncio.run(migrate(url))

    @given(steps=actions)
    @example(steps=LOST)
    @example(steps=FOUND)
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    def holds(steps: Sequence[tuple[str, Any]]) -> None:
        asyncio.run(postgres.execute(database, EMPTY_LOG))
        asyncio.run(check(url, steps))

    holds()


async def test_statistics_equal_a_recount_whatever_goes_on_at_once(log_home: LogHome) -> None:
    """Two processes count while opens come, are erased and are judged again."""
    async with log_home.connect_twice() as (log, other):
        is_over = asyncio.Event()

        async def append(to: OpenLog, late: int) -> None:
            for number in range(30):
                key = b"%016d" % (number % 10)
                await to.append([make_open((key, "news", 1, 3, late, "spring")) for _ in range(5)])

        async def count(with_: OpenLog) -> None:
            while not is_over.is_set():
                await with_.statistics.count_step(max_entries=7)
                await asyncio.sleep(0)

        async def change(with_: OpenLog, agent: int) -> None:
            for number in range(6):
                await revise(with_, judged(agent, 3, 2))
                keys = [b"%016d" % (2 * number)]
                async for _ in with_.erase(lambda _: False, message_keys=keys):
                    pass

        async with asyncio.TaskGroup() as tasks:
            counting = [tasks.create_task(count(each)) for each in (log, other)]
            work = [append(log, 0), append(other, 30), change(log, 4), change(other, 1)]
            await asyncio.gather(*work)
            is_over.set()
            await asyncio.gather(*counting)
        await count_all(log, other)
        assert await kept(log) == Recount().of(await present(log))
