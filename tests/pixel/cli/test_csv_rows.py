"""Notifications as CSV: every field, nothing that a spreadsheet would run."""

import csv
import datetime as dt
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf import struct_pb2
from google.protobuf.descriptor import Descriptor
from hypothesis import given
from hypothesis import strategies as st

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.notification.v1 import privacy_level_pb2
from pixel_service.cli.csv_rows import COLUMNS, csv_heading, csv_rows
from pixel_service.cli.header_text import printable

DOCUMENT = Path(__file__).parents[3] / "docs" / "files.md"
FORMULA = "=+-@\t\r\n＝＋－＠"  # noqa: RUF001 - what spreadsheets take for the others


def cells_of(*notifications: pb.OpenNotification) -> list[dict[str, str]]:
    """Return what a strict reader finds in the lines of *notifications*."""
    text = csv_heading() + csv_rows(notifications)
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def with_subject(subject: str) -> pb.OpenNotification:
    notification = pb.OpenNotification()
    notification.mail.common_headers.subject = subject
    return notification


def leaves(message: Descriptor, path: str = "") -> Iterator[str]:
    """Yield the paths of all fields that hold no message of ours."""
    for field in message.fields:
        inner = field.message_type
        if inner is None or field.is_repeated or not inner.file.package.startswith("emailopens"):
            yield f"{path}{field.name}"
        else:
            yield from leaves(inner, f"{path}{field.name}.")


def test_every_field_of_the_contract_has_a_column() -> None:
    """What a level has kept is there, also what a later version of the contract adds."""
    paths = [f"{column.path}.{column.field}".rstrip(".") for column in COLUMNS]

    assert sorted(paths) == sorted(leaves(pb.OpenNotification.DESCRIPTOR))


def test_documented_columns_are_those_that_are_written() -> None:
    """In their order, which programs may rely on."""
    table = DOCUMENT.read_text(encoding="utf-8").partition("## Columns")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]

    assert [row.split("`")[1] for row in rows] == [column.name for column in COLUMNS]


def test_whole_notification_is_a_row() -> None:
    """Times with their zone, header fields decoded, lists as JSON."""
    notification = pb.OpenNotification(
        event_type="Open",
        event_id="e1:0",
        configuration_id="news",
        privacy_level=privacy_level_pb2.PRIVACY_LEVEL_FULL,
    )
    mail = notification.mail
    mail.destination.append("jane@example.org")
    mail.common_headers.subject = "=?utf-8?q?Caf=C3=A9?= =?utf-8?b?IHRvZGF5?="
    mail.common_headers.from_mailboxes.append("=?utf-8?q?J=C3=B6rg?= <j@example.com>")
    mail.tags["campaign"].CopyFrom(struct_pb2.ListValue())
    mail.tags["campaign"].append("spring")
    mail.headers.add(name="X-A", value='a "b", c')
    opened = notification.open
    opened.open_time.FromDatetime(dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC))
    opened.burst = 2
    evidence = opened.evidence
    evidence.agent, evidence.confidence = pb.AGENT_PERSON, pb.CONFIDENCE_MEDIUM
    evidence.open_number, evidence.first_open = 1, True
    evidence.since_acceptance.FromMilliseconds(1_500)
    (row,) = cells_of(notification)

    assert {name: cell for name, cell in row.items() if cell} == {
        "event_type": "Open",
        "event_id": "e1:0",
        "configuration_id": "news",
        "privacy_level": "FULL",
        "open_time": "2026-03-01T12:00:00.000000Z",
        "agent": "PERSON",
        "confidence": "MEDIUM",
        "first_open": "true",
        "open_number": "1",
        "burst": "2",
        "collapsed": "0",
        "since_acceptance": "1.5",
        "recipient": "jane@example.org",
        "tags": '{"campaign": ["spring"]}',
        "from": "Jörg <j@example.com>",
        "subject": "Café today",
        "headers": '[{"name": "X-A", "value": "a \\"b\\", c"}]',
        "headers_truncated": "false",
    }


def test_what_was_not_kept_is_an_empty_cell() -> None:
    """An anonymous open says nothing of its message: no "false", and no number either."""
    (row,) = cells_of(pb.OpenNotification(event_type="Open", open=pb.Open()))

    assert {name: cell for name, cell in row.items() if cell} == {
        "event_type": "Open",
        "collapsed": "0",
        "headers_truncated": "false",
    }


def test_agent_of_a_newer_service_is_its_number() -> None:
    """Values may be added to the contract; an older command still exports."""
    newer = pb.OpenNotification.FromString(b"\x1a\x04\x22\x02\x08\x4d")

    assert cells_of(newer)[0]["agent"] == "77"


@pytest.mark.parametrize(
    "subject",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1+1",
        "  =1+1",
        "\r\n=1+1",
        "=?utf-8?q?=3D1+1?=",
        "＝1+1",  # noqa: RUF001 - see above
        "'=1+1",
    ],
)
def test_formula_is_made_a_text(subject: str) -> None:
    """Encoded or not; taking off one apostrophe gives the text."""
    (row,) = cells_of(with_subject(subject))

    assert row["subject"][0] in ("'", "\N{REPLACEMENT CHARACTER}")


@given(st.text())
def test_any_text_stays_in_its_cell_and_harmless(text: str) -> None:
    """One line for each open, whatever a message says; only what is no text is replaced."""
    lines = csv_rows([with_subject(text)])
    (row,) = cells_of(with_subject(text))
    cell = row["subject"]

    assert len(lines.splitlines()) == 1
    assert not cell.lstrip().startswith(tuple(FORMULA))
    if "=?" not in text:
        assert (cell.removeprefix("'")) == printable(text)
