"""Webhooks in a table: what people see of them, in any terminal."""

import datetime as dt

import pytest

from emailopens.pixel.v1 import webhook_service_pb2 as pb
from pixel_service.cli.webhook_output import print_skipped, print_webhooks, state_in_words


def a_webhook(**fields: object) -> pb.Webhook:
    """Return a webhook that is well, but for *fields*."""
    well = {"id": "crm", "url": "https://crm.example/opens", "state": pb.Webhook.STATE_ACTIVE}
    return pb.Webhook(**{**well, **fields})  # type: ignore[arg-type] # as named


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "ok"),
        ({"failed_attempts": 1}, "failing"),
        ({"state": pb.Webhook.STATE_PAUSED, "failed_attempts": 1}, "paused"),
        ({"state": pb.Webhook.STATE_PAUSED_GONE}, "gone"),
        ({"state": pb.Webhook.STATE_PAUSED_EVENT_REFUSED}, "refused"),
        # A newer service's.
        ({"state": 77}, "77"),
    ],
)
def test_state_is_a_word(fields: dict[str, object], word: str) -> None:
    """Why nothing is delivered is seen at a glance."""
    assert state_in_words(a_webhook(**fields)) == word


def test_trouble_is_said_whole_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Also that opens are lost; what a receiver says moves nothing on a terminal."""
    webhook = a_webhook(
        fell_behind=True, failed_attempts=2, last_error="status 500 \x1b[2J", lag=1_234_567
    )
    webhook.last_success_time.FromDatetime(dt.datetime(2026, 3, 1, 12))  # noqa: DTZ001 - UTC
    print_webhooks([webhook, a_webhook(id="x", configuration_ids=["news", "shop"])], "table")
    heading, first, second = capsys.readouterr().out.splitlines()

    assert heading.split() == [
        *("ID", "STATE", "LAG", "SKIPPED", "LAST", "SUCCESS", "CONFIGURATIONS", "URL", "TROUBLE"),
    ]
    assert first.split()[:6] == ["crm", "failing", "1234567", "0", "2026-03-01T12:00:00Z", "all"]
    assert first.endswith("fell behind: retention has removed opens; status 500 \ufffd[2J")
    assert second.split()[-4:] == ["-", "news,shop", "https://crm.example/opens", "-"]


def test_skipped_events_say_where_to_replay_from(capsys: pytest.CaptureFixture[str]) -> None:
    """A cursor is never cut where a program may read it."""
    event = pb.SkippedEvent(event_id="e" * 32, error="status 422", cursor="c" * 90)
    event.skip_time.FromDatetime(dt.datetime(2026, 3, 1, 12))  # noqa: DTZ001 - UTC
    print_skipped([event], "table")
    _, row = capsys.readouterr().out.splitlines()

    assert row.split() == [
        *("2026-03-01T12:00:00Z", event.event_id, event.cursor, "status", "422"),
    ]
