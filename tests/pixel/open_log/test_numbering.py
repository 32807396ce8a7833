"""Numbering: the same numbers, however the counts are kept, and whatever fails between."""

import contextlib
import dataclasses
import datetime as dt
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from pixel_service.open_log import OpenRecord, message_key
from pixel_service.open_log.numbering import BurstWindow, Counts, MessageOf, number_opens
from pixel_service.open_log.postgres.numbering_plan import plan_numbers, remember_bursts
from pixel_service.open_log.sql import schema
from pixel_service.open_log.sqlite import appending
from pixel_service.open_log.sqlite.counts import MessageCounts
from pixel_service.open_log.sqlite.engine import writer_engine
from pixel_service.open_log.sqlite.recording_time import RecordingTime
from service_runtime.message_ids import beginning_at
from tests.pixel.open_log.log_values import NOON, new_open

some_opens = st.lists(
    st.builds(
        new_open,
        message_key=st.sampled_from([None, b"a" * 16, b"b" * 16, b"c" * 16]),
        configuration_id=st.sampled_from(["news", "offers"]),
        source_key=st.sampled_from([None, b"x", b"y"]),
        open_time=st.integers(0, 80).map(lambda tenths: NOON + dt.timedelta(seconds=tenths / 10)),
    ),
    max_size=12,
)


@given(st.lists(some_opens, max_size=8))
def test_planned_numbers_are_those_of_counting_one_by_one(
    batches: list[list[OpenRecord]],
) -> None:
    """Numbering by a plan, where the database counts, gives the same as counting in memory."""
    counts: dict[MessageOf, Counts] = {}
    stored: dict[MessageOf, Counts] = {}
    window, planning_window = BurstWindow(), BurstWindow()
    for batch in batches:
        expected = number_opens(batch, counts, window)
        plan = plan_numbers(batch, planning_window)
        for message, gain in plan.totals.items():
            before = stored.get(message, Counts(0, 0))
            stored[message] = Counts(before.opens + gain.opens, before.bursts + gain.bursts)
        numbers = []
        for open_, place in zip(batch, plan.places, strict=True):
            if open_.message_key is None:
                numbers.append((0, 0))
                continue
            total = stored[open_.message_key, open_.configuration_id]
            burst = place.burst or total.bursts - place.bursts_after
            numbers.append((total.opens - place.opens_after, burst))
        bursts = {message: total.bursts for message, total in stored.items()}
        remember_bursts(batch, plan, bursts, planning_window)

        assert numbers == expected


def test_burst_reaches_as_far_back_as_forward() -> None:
    """Opens need not arrive in the order of their times."""
    opens = [
        new_open(
            message_key=b"a" * 16, source_key=b"x", open_time=NOON - dt.timedelta(seconds=seconds)
        )
        for seconds in (0, 1, 10)
    ]

    assert [burst for _, burst in number_opens(opens, {}, BurstWindow())] == [1, 1, 2]


def test_bursts_that_are_remembered_are_bounded() -> None:
    """The oldest burst is forgotten when there are too many."""
    window = BurstWindow(max_bursts=2)
    opens = [
        new_open(message_key=bytes([number]) * 16, source_key=b"x", open_time=NOON)
        for number in range(3)
    ]
    for open_ in opens:
        window.begin(open_, 1)

    assert [window.number_of(open_) for open_ in opens] == [None, 1, 1]


@pytest.fixture(scope="module")
def engine() -> Iterator[sa.Engine]:
    with tempfile.TemporaryDirectory() as folder:
        engine = writer_engine(Path(folder) / "opens.db")
        with engine.begin() as connection:
            schema.migrate(connection)
        yield engine
        engine.dispose()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, 30), max_size=20),
            st.sampled_from(["go on", "fail", "restart", "flush"]),
        ),
        max_size=25,
    )
)
def test_counts_are_right_after_any_failure_and_restart(
    engine: sa.Engine, steps: list[tuple[list[int], str]]
) -> None:
    """Numbers follow each other, wherever a transaction fails or the process ends."""
    with engine.begin() as connection:
        for table in ("opens", "open_counts"):
            connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 - our own names
        connection.exec_driver_sql("UPDATE open_log SET counted_sequence = 0")
    counts = MessageCounts(generation_counts=7)
    window = BurstWindow()
    model: dict[int, int] = {}
    for messages, then in steps:
        opens = [new_open(message_key=bytes([number]) * 16) for number in messages]
        connection = engine.connect()
        transaction = connection.begin()
        appending.append(connection, opens, counts=counts, window=window, times=RecordingTime())
        if then == "flush":
            counts.flush(connection)
        if then == "fail":
            transaction.rollback()
            counts.forget()
        else:
            transaction.commit()
            for number in messages:
                model[number] = model.get(number, 0) + 1
        connection.close()
        if then == "restart":
            counts = MessageCounts(generation_counts=7)

    with engine.begin() as connection:
        found = MessageCounts().look_up(
            connection, [(bytes([number]) * 16, "news") for number in range(31)]
        )
        numbers = connection.exec_driver_sql(
            "SELECT message_key, open_number FROM opens ORDER BY sequence"
        ).all()
    assert {key[0]: count.opens for (key, _), count in found.items()} == model
    seen: dict[bytes, int] = {}
    for key, number in numbers:
        assert number == seen.get(key, 0) + 1
        seen[key] = number


def octets_written(path: Path, ids: Iterable[str]) -> int:
    """Return how much it takes to bring counts of new messages into the table."""
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    engine = writer_engine(path)
    counts = MessageCounts()
    with engine.begin() as connection:
        changed = {(message_key(each), "news"): Counts(1, 1) for each in ids}
        counts.update(connection, changed, last=0)
        counts.flush(connection)
    size = path.with_name(f"{path.name}-wal").stat().st_size
    engine.dispose()
    return size


def test_counts_of_messages_of_one_time_share_pages(tmp_path: Path) -> None:
    """What counts of today's messages write does not depend on how many older ones there are."""
    path = tmp_path / "opens.db"
    engine = writer_engine(path)
    with engine.begin() as connection:
        schema.migrate(connection)
    engine.dispose()
    octets_written(path, (f"old-{each}" for each in range(20_000)))

    today = octets_written(path, (beginning_at(7 << 32) + f"a{each:016}" for each in range(500)))
    scattered = octets_written(path, (f"new-{each}" for each in range(500)))

    assert today * 5 < scattered


def test_a_source_key_is_never_printed() -> None:
    """Nothing that could tell an address gets into a log line by way of an open."""
    open_ = new_open(source_key=b"an address", message_key=b"k" * 16)

    assert "an address" not in repr(open_)
    assert dataclasses.replace(open_, source_key=None) != open_
