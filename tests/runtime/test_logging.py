"""What the log shows, and how often."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from service_runtime.repeat_limit import INTERVAL_SECONDS, MAX_REPEATS, RepeatLimit

ROOT = Path(__file__).parents[2]

PROGRAM = """
import logging, structlog
from service_runtime.logging import configure_logging
configure_logging(level="INFO", format_="{form}")
logger = structlog.get_logger()
logger.debug("not shown")
for number in range(100):
    logger.warning("spool does not take opens", number=number)
logger.info("another phrase")
logging.getLogger("a.library").warning("its own words")
"""


def lines_of(form: str) -> list[str]:
    done = subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", PROGRAM.format(form=form)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_phrase_that_repeats_is_logged_a_few_times() -> None:
    """A fault of every request is a few lines, and other lines are still seen."""
    events = [json.loads(line) for line in lines_of("json")]

    assert [each["event"] for each in events] == (
        ["spool does not take opens"] * MAX_REPEATS + ["another phrase", "its own words"]
    )
    assert [each["number"] for each in events[:MAX_REPEATS]] == list(range(MAX_REPEATS))


def test_text_is_one_line_for_each_event() -> None:
    """People read the same events, without colours where nobody sees them."""
    lines = lines_of("text")

    assert len(lines) == MAX_REPEATS + 2
    assert "another phrase" in lines[-2]
    assert "\x1b" not in "".join(lines)


def test_next_interval_says_how_many_were_dropped() -> None:
    """Nothing is hidden: the count of what was dropped is logged."""
    now = 0.0
    limit = RepeatLimit(clock=lambda: now)
    for _ in range(MAX_REPEATS):
        limit(None, "warning", {"event": "late"})
    for _ in range(7):
        with pytest.raises(structlog.DropEvent):
            limit(None, "warning", {"event": "late"})
    now = INTERVAL_SECONDS

    assert limit(None, "warning", {"event": "late"}) == {"event": "late", "suppressed": 7}
    assert limit(None, "warning", {"event": "late"}) == {"event": "late"}


def test_events_of_different_things_are_different() -> None:
    """Each subscription that loses opens is named, however many there are at once."""
    limit = RepeatLimit()
    events = [
        {"event": "subscription lost opens", "subscription_id": f"s{number}"}
        for number in range(10 * MAX_REPEATS)
    ]

    assert [limit(None, "warning", dict(event)) for event in events] == events


def test_what_is_remembered_is_bounded_and_makes_room() -> None:
    """Thousands of different events do not end the counting of what comes later."""
    now = 0.0
    limit = RepeatLimit(clock=lambda: now)
    for number in range(5_000):
        limit(None, "error", {"event": "damaged", "file": f"f{number}"})
    now = INTERVAL_SECONDS
    for _ in range(MAX_REPEATS):
        limit(None, "error", {"event": "late"})

    with pytest.raises(structlog.DropEvent):
        limit(None, "error", {"event": "late"})


def test_what_a_caller_was_told_to_look_for_is_there() -> None:
    """The status of a fault of ours names a request ID that is in the log."""
    limit = RepeatLimit()
    events = [{"event": "call failed", "request_id": f"{number}"} for number in range(100)]

    assert [limit(None, "error", dict(event)) for event in events] == events


# All that are ours, and no others.
PACKAGES = sorted(each.parent.name for each in ROOT.glob("*/py.typed"))

LIBRARIES = """
import gc, logging, structlog
from service_runtime.logging import configure_logging
configure_logging(level="{level}")
for name in ("aiosqlite", "grpc._cython.cygrpc", "sqlalchemy.engine", "asyncio"):
    logging.getLogger(name).debug("telltale")
    logging.getLogger(name).info("said by " + name)
for name in {packages}:
    structlog.wrap_logger(logging.getLogger(name + ".x")).debug("ours of " + name)
for number in range(3_000):
    logging.getLogger("a.library").error("failed %d\\nfuture: %d", number, number)
"""


def shown_at(level: str) -> str:
    """Return what is shown of the events of libraries, and ours, at *level*."""
    return subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", LIBRARIES.format(level=level, packages=PACKAGES)],
        capture_output=True,
        text=True,
        check=True,
    ).stderr


def test_libraries_stay_at_info_whatever_the_level() -> None:
    """At DEBUG they print the values of statements, and log inside the garbage collector."""
    shown = shown_at("DEBUG")

    assert "telltale" not in shown
    assert shown.count("said by") == 4
    assert PACKAGES
    assert shown.count("ours of") == len(PACKAGES)


def test_level_above_info_is_that_of_libraries_too() -> None:
    """Who asks for warnings gets warnings."""
    shown = shown_at("WARNING")

    assert "said by" not in shown
    assert "ours of" not in shown


def test_line_that_a_library_repeats_is_logged_a_few_times() -> None:
    """What a stranger makes a library say fills no disk."""
    assert shown_at("INFO").count("[error    ] failed") == MAX_REPEATS
