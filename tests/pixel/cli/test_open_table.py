"""Opens in a table: what people see of them, in any terminal."""

import asyncio
import contextlib
import datetime as dt
import fcntl
import os
import struct
import termios

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from emailopens.notification.v1 import open_notification_pb2 as pb
from pixel_service.cli.fitted_table import cut, width_of
from pixel_service.cli.open_table import open_table
from pixel_service.cli.output import as_json
from tests.pixel.cli.running import PROGRAM
from tests.pixel.open_log.log_values import UNNUMBERED, new_open
from tests.pixel.service_values import StreamService

EVERYTHING = 132
HOSTILE = "\x1b[31m\x9b2J\x07\u202eevil\r\n"


def an_open(
    subject: str = "", *, recipient: str = "", tag: str = "", agent: int = 1
) -> pb.OpenNotification:
    notification = pb.OpenNotification(configuration_id="news")
    notification.open.open_time.FromDatetime(dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC))
    notification.open.evidence.MergeFromString(bytes([8, agent, 16, 2]))
    mail = notification.mail
    mail.common_headers.subject = subject
    mail.tags["ses:from-domain"].append("example.com")
    if recipient:
        mail.destination.append(recipient)
    if tag:
        mail.tags["campaign"].append(tag)
    return notification


def test_row_has_what_the_level_kept() -> None:
    """Recipient, the message's own tags and its subject, decoded; "-" for what there is not."""
    table = open_table(None)
    full = table.row(an_open("=?utf-8?q?Caf=C3=A9_today?=", recipient="j@example.org", tag="a"))
    anonymous = table.row(an_open())

    assert table.heading.split()[-3:] == ["RECIPIENT", "TAGS", "SUBJECT"]
    assert full.split()[-4:] == ["j@example.org", "campaign=a", "Café", "today"]
    assert full.split()[:4] == ["2026-03-01T12:00:00Z", "news", "PERSON", "MEDIUM"]
    assert anonymous.split()[-5:] == ["-"] * 5


@pytest.mark.parametrize(
    ("width", "headings"),
    [
        (10, "TIME"),
        (40, "TIME AGENT"),
        (80, "TIME AGENT SURE RECIPIENT TAGS SUBJECT"),
        (
            EVERYTHING - 1,
            "TIME CONFIGURATION AGENT SURE MESSAGE RECIPIENT TAGS SUBJECT",
        ),
        (100, "TIME CONFIGURATION AGENT SURE RECIPIENT TAGS SUBJECT"),
        (
            EVERYTHING,
            "TIME CONFIGURATION AGENT SURE ADDRESS MESSAGE RECIPIENT TAGS SUBJECT",
        ),
    ],
)
def test_narrow_terminal_has_the_columns_that_say_most(width: int, headings: str) -> None:
    """What a row says of an open matters more than what leads to its message."""
    assert open_table(width).heading.split() == headings.split()


@given(
    st.text() | st.just(HOSTILE),
    st.text(st.characters(min_codepoint=0x300)),
    st.integers(min_value=1, max_value=300),
)
def test_no_line_is_wider_than_the_terminal(subject: str, recipient: str, width: int) -> None:
    """And none holds what a terminal obeys, whatever a message says."""
    table = open_table(width)
    for line in (table.heading, table.row(an_open(subject, recipient=recipient, tag=subject))):
        assert width_of(line) <= width
        assert line.isprintable()


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("abc", 3),
        ("日本", 4),
        ("ｱ", 1),
        ("e\u0301", 1),
        ("한", 2),
        ("\u1112\u1161\u11ab", 2),
        ("🌱", 2),
    ],
)
def test_width_is_that_of_a_terminal(text: str, width: int) -> None:
    """East Asian characters take two columns, and marks on a letter none."""
    assert width_of(text) == width


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("abcd", 4, "abcd"),
        ("abcde", 4, "abc…"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("a b", 2, "a…"),
    ],
)
def test_cut_says_that_something_is_missing(text: str, width: int, shown: str) -> None:
    """No character is cut in halves."""
    assert cut(text, width) == shown


def test_agent_of_a_newer_service_is_a_row() -> None:
    """Values may be added to the contract; an older command goes on."""
    assert "MEDIUM" in open_table(None).row(an_open(agent=77))


def test_json_on_a_terminal_is_only_text() -> None:
    """What JSON leaves to its writer is escaped, and means the same."""
    notification = an_open(HOSTILE)
    line = as_json(notification)

    assert line.isprintable()
    assert json_format.Parse(line, pb.OpenNotification()) == notification


async def test_table_fits_a_real_terminal(service: StreamService) -> None:
    """As wide as it is; a hostile subject moves nothing in it."""
    notification = an_open(HOSTILE * 9, recipient="jane@example.org", tag="spring")
    notification.ClearField("open")
    await service.log.append([new_open(notification=notification.SerializeToString() + UNNUMBERED)])
    terminal, side = os.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 90, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    process = await asyncio.create_subprocess_exec(
        *(str(PROGRAM), "opens", "list", f"--target={service.address}"),
        stdout=side,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment | {"PYTHONIOENCODING": "utf-8"},
    )
    os.close(side)
    shown = bytearray()
    with contextlib.suppress(OSError):  # how a terminal says that nobody writes any more
        while octets := await asyncio.to_thread(os.read, terminal, 4_096):
            shown += octets
    os.close(terminal)
    await process.wait()

    heading, row = shown.decode().splitlines()
    assert heading.endswith("SUBJECT")
    assert "jane@example.org" in row
    assert row.isprintable()
    assert 80 < width_of(row) <= 90
