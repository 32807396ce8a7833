"""What an export is asked for, without a service."""

import datetime as dt
from collections.abc import Sequence

import pytest
from click.testing import CliRunner

from emailopens.notification.v1.open_notification_pb2 import OpenNotification
from pixel_service.cli.export import export
from pixel_service.cli.export_options import Wanted

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)


@pytest.mark.parametrize(
    ("from_time", "to_time", "tags", "expected"),
    [
        (None, None, [], True),
        (NOON, None, [], True),
        (NOON + SECOND, None, [], False),
        (None, NOON, [], False),
        (None, NOON + SECOND, [], True),
        (NOON, NOON + SECOND, [("campaign", None)], True),
        (None, None, [("campaign", "spring")], True),
        (None, None, [("campaign", "spr")], False),
        (None, None, [("campaign", "spring"), ("kind", None)], True),
        (None, None, [("campaign", "spring"), ("other", None)], False),
        (None, None, [("campaign", "")], False),
    ],
)
def test_time_and_tags_select(
    from_time: dt.datetime | None,
    to_time: dt.datetime | None,
    tags: Sequence[tuple[str, str | None]],
    *,
    expected: bool,
) -> None:
    """From a time on, before another, and with each of the tags."""
    notification = OpenNotification()
    notification.open.open_time.FromDatetime(NOON)
    notification.mail.tags["campaign"].append("spring")
    notification.mail.tags["kind"].append("digest")
    wanted = Wanted(from_time=from_time, to_time=to_time, tags=tags)

    assert wanted.has(notification) is expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format=xml"], "'csv', 'jsonl'"),
        ([], "'--format'"),
        (["--format=csv", "--from=yesterday"], "'yesterday' is no time"),
        (["--format=csv", "--from=9999-12-31T23:59:00-12:00"], "is no time"),
        (["--format=csv", "--to=2026-03-01"], "has no zone"),
        (["--format=csv", "--from=2026-03-01T00:00Z", "--to=2026-03-01T00:00Z"], "later than"),
        (["--format=csv", "--tag==x"], "'=x' is not KEY or KEY=VALUE"),
        (["--format=csv", "--after-cursor=x", "--cursor-file=y"], "--after-cursor or"),
    ],
)
def test_wrong_use_is_named(arguments: list[str], said: str) -> None:
    """Before any service is called, so that nothing is written."""
    result = CliRunner().invoke(export, arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
