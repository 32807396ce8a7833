"""`pixel-service statistics` shows what GetStatistics says."""

import asyncio
import csv
import datetime as dt
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from emailopens.notification.v1 import open_notification_pb2
from emailopens.pixel.v1 import statistics_service_pb2 as pb
from pixel_service.cli.fitted_table import width_of
from pixel_service.cli.statistics_rows import as_csv, as_json, rows_of
from pixel_service.cli.statistics_table import statistics_table
from tests.pixel.open_log.log_values import NOON
from tests.pixel.open_log.statistics_values import count_all, counted_open, tracked
from tests.pixel.service_values import a_log, streaming

PROGRAM: Final = str(Path(sys.executable).with_name("pixel-service"))
DAY: Final = dt.timedelta(days=1)
DAYS: Final = pb.GetStatisticsRequest(interval=pb.INTERVAL_DAY)
TAGS: Final = pb.GetStatisticsRequest(dimension=pb.DIMENSION_TAG)


async def run(address: str, *options: str) -> tuple[int, str, str]:
    """Ask the service at *address*; return exit status, output and errors."""
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, "statistics", f"--target={address}", *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return process.returncode or 0, output.decode(), errors.decode()


async def test_days_are_shown_with_their_total(tmp_path: Path) -> None:
    """Each day a line, also an empty one; a day is enough to say from when to when."""
    async with a_log(tmp_path) as log, streaming(log) as service:
        scanner = open_notification_pb2.AGENT_SCANNER
        await log.append([counted_open(key=b"m1"), counted_open(key=b"m2", agent=scanner)])
        await count_all(log)
        await log.statistics.set_tracked(tracked(4))
        status, output, errors = await run(
            service.address, "--from=2026-03-01", "--to=2026-03-03T00:00:00Z"
        )

    assert status == 0, errors
    assert [line.split() for line in output.splitlines()] == [
        ["DAY", "TRACKED", "OPENED", "RATE", "OPENS", "FIRST", "PERSONS", "MACHINES", "UNKNOWN"],
        ["2026-03-01", "4", "1", "25.0", "%", "2", "2", "1", "1", "0"],
        ["2026-03-02", "-", "0", "-", "0", "0", "0", "0", "0"],
        ["total", "4", "1", "25.0", "%", "2", "2", "1", "1", "0"],
    ]
    assert errors.splitlines()[0] == "from 2026-03-01T00:00:00Z to 2026-03-03T00:00:00Z"
    age = re.search(r"messages tracked until 2026-03-01T12:00:00Z \((\d+) days, .* ago\)", errors)
    assert age is not None
    assert dt.timedelta(days=int(age[1]) + 1) >= dt.datetime.now(dt.UTC) - NOON


async def test_tags_of_a_key_are_told_apart(tmp_path: Path) -> None:
    """With `--by tag` a key says of which, and without it a tag says of what."""
    async with a_log(tmp_path) as log, streaming(log) as service:
        tags = {"campaign": ["spring"], "list": ["all"]}
        await log.append([counted_open(tags=tags) for _ in range(10)])
        await count_all(log)
        span = ("--from=2026-03-01", "--to=2026-03-02", "--format=json")
        by_tag = await run(service.address, "--by=tag", "--tag=campaign", *span)
        of_tag = await run(service.address, "--tag=list=all", "--granularity=none", *span)

    found = [json.loads(line) for line in by_tag[1].splitlines()]
    assert [(each["value"], each["opens"]) for each in found] == [("campaign=spring", 10)]
    assert json.loads(of_tag[1])["opens"] == 10


async def test_wrong_options_are_said_in_a_line(tmp_path: Path) -> None:
    """Those that the command knows of, and those that the service refuses."""
    async with a_log(tmp_path) as log, streaming(log) as service:
        no_time = await run(service.address, "--from=yesterday")
        no_tag = await run(service.address, "--tag=spring")
        backwards = await run(service.address, "--from=2026-03-02", "--to=2026-03-01")

    assert (no_time[0], no_tag[0], backwards[0]) == (2, 2, 1)
    assert "'yesterday' is no time" in no_time[2]
    assert "--tag is KEY with --by tag, and KEY=VALUE otherwise" in no_tag[2]
    assert "end_time: must be later than start_time" in backwards[2]


def response(*values: str, days: int = 0, opens: int = 1_234) -> pb.GetStatisticsResponse:
    """Return a response with the same counts everywhere, for tags and days."""
    counts = pb.Counts(
        opens=opens, messages_tracked=2_000, messages_opened_at_least=7, messages_opened_at_most=6
    )
    by_value = [pb.ValueCounts(value=each, counts=counts) for each in values]
    if values:
        by_value.append(pb.ValueCounts(is_rest=True, counts=counts))
    found = pb.GetStatisticsResponse(total=counts, values=by_value)
    found.tracked_until_time.FromDatetime(NOON)
    for day in range(days):
        interval = found.intervals.add(total=counts, values=by_value)
        interval.start_time.FromDatetime(NOON.replace(hour=0) + day * DAY)
    return found


@pytest.mark.parametrize("width", [30, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """Numbers are whole or not there; a long tag is cut, and the rest has its name."""
    table = statistics_table(
        response("campaign=" + "日本" * 60, "\N{RIGHT-TO-LEFT OVERRIDE}\x1b[2J"), TAGS, width
    )

    assert all(width_of(line) <= width for line in table.splitlines())
    assert "\x1b" not in table
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in table
    assert [line.split()[-1] for line in table.splitlines()[-2:]] == ["(others)", "(all)"]
    assert "OPENS" not in table or table.count("1,234") == 4


def test_a_column_has_its_numbers_below_each_other() -> None:
    """The last digits of small and large numbers are in one place, that of the heading's end."""
    found = response(days=2)
    found.intervals[0].total.opens = 5
    heading, *rows = statistics_table(found, DAYS, 100).splitlines()
    end = heading.index("OPENS") + len("OPENS")

    assert [row[:end].split()[-1] for row in rows] == ["5", "1,234", "1,234"]
    assert all(row[end : end + 1] == " " for row in rows)


def test_a_lower_bound_that_is_the_larger_is_shown_alone() -> None:
    """It is of messages that were fetched in advance in an interval before."""
    row = statistics_table(response(), DAYS, None).splitlines()[1]

    assert " 7 " in row
    assert "7-6" not in row


def test_tracked_messages_are_not_shown_where_nobody_counts_them() -> None:
    """A zero would say that there were none."""
    found = response(days=1)
    found.ClearField("tracked_until_time")
    heading = statistics_table(found, DAYS, None).splitlines()[0]

    assert "TRACKED" not in heading
    assert "RATE" not in heading


def test_programs_get_every_count_of_every_row() -> None:
    """CSV and JSON have the same rows, without totals that are sums of them."""
    found = response("campaign=spring", days=2)
    rows = list(csv.DictReader(as_csv(rows_of(found)).splitlines()))
    objects = [json.loads(line) for line in as_json(rows_of(found)).splitlines()]

    assert [(each["start_time"], each["value"], each["is_rest"]) for each in rows] == [
        (f"2026-03-0{day}T00:00:00Z", value, is_rest)
        for day in (1, 2)
        for value, is_rest in (("campaign=spring", "false"), ("", "true"))
    ]
    assert {each["opens"] for each in rows} == {"1234"}
    assert [(each["startTime"], each["value"], each["isRest"]) for each in objects] == [
        (each["start_time"], each["value"], each["is_rest"] == "true") for each in rows
    ]
    assert {field.json_name for field in pb.Counts.DESCRIPTOR.fields} < set(objects[0])


def test_a_tag_is_no_formula_in_a_spreadsheet() -> None:
    """Whoever tags messages does not calculate in somebody's table."""
    assert "'=HYPERLINK" in as_csv(rows_of(response('=HYPERLINK("x")=1')))
