"""What the pages about subscriptions say of streams: no more alarm than there is reason for."""

import datetime as dt

import htpy as h
import pytest

from emailopens.errors.v1 import error_reason_pb2
from emailopens.pixel.v1 import subscription_service_pb2 as pb
from pixel_service.page.stream_ends import BY_REASON
from pixel_service.page.views.subscription_pages import subscription_list, subscription_page
from tests.page.markup import text_of

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def page_of(subscription: pb.Subscription, *, may_change: bool = True) -> h.Node:
    """Return the page of *subscription*."""
    return list(subscription_page(subscription, may_change=may_change, now=NOW))


def ended(code: str, reason: str, *, streaming: bool = False) -> pb.Subscription:
    """Return a subscription whose last stream has ended so."""
    subscription = pb.Subscription(
        id="crm", state=pb.Subscription.STATE_ACTIVE, streaming=streaming
    )
    subscription.last_stream_end.code = code
    subscription.last_stream_end.reason = reason
    subscription.last_stream_end.end_time.FromDatetime(NOW)
    return subscription


@pytest.mark.parametrize(
    ("code", "reason", "words", "is_bad"),
    [
        ("CANCELLED", "", "Its client left", False),
        ("OK", "", "It had everything", False),
        ("FAILED_PRECONDITION", "SUBSCRIPTION_PAUSED", "Somebody paused it", False),
        ("UNAVAILABLE", "DRAINING", "The service was stopped", False),
        ("ABORTED", "SUBSCRIPTION_TAKEN_OVER", "A newer stream took over", False),
        ("ABORTED", "CONSUMER_STALLED", "Its client was too slow", True),
        ("OUT_OF_RANGE", "CURSOR_EXPIRED", "Retention has removed opens", True),
        ("UNAUTHENTICATED", "API_KEY_INVALID", "key was revoked or changed", True),
        ("INTERNAL", "", "INTERNAL", True),
        ("FAILED_PRECONDITION", "NEWER_THAN_THIS", "FAILED_PRECONDITION, NEWER_THAN_THIS", True),
    ],
)
def test_an_end_is_said_in_words(code: str, reason: str, words: str, *, is_bad: bool) -> None:
    """In the list and on the page of its own; and never as an alarm while the next one runs."""
    subscription = ended(code, reason)
    for page in (subscription_list([subscription], ""), page_of(subscription)):
        assert words in text_of(page)
        assert ("state bad" in str(h.div[page])) == is_bad
    running = ended(code, reason, streaming=True)
    assert "state bad" not in str(h.div[page_of(running)])


def test_every_reason_in_words_is_one_of_the_contract() -> None:
    """None is misspelt."""
    names = {
        name.removeprefix("ERROR_REASON_")
        for name in error_reason_pb2.ErrorReason.DESCRIPTOR.values_by_name
    }

    assert set(BY_REASON) <= names


def test_a_paused_one_says_since_when_and_can_be_resumed() -> None:
    """By whoever may; one that streams can be paused."""
    paused = pb.Subscription(id="crm", state=pb.Subscription.STATE_PAUSED)
    paused.pause_time.FromDatetime(NOW)
    streams = pb.Subscription(id="crm", state=pb.Subscription.STATE_ACTIVE, streaming=True)

    assert "Paused since 2026-03-01 00:00:00 UTC" in text_of(page_of(paused))
    assert 'action="/subscriptions/crm/resume"' in str(h.div[page_of(paused)])
    assert 'action="/subscriptions/crm/pause"' in str(h.div[page_of(streams)])
    assert "<form" not in str(h.div[page_of(paused, may_change=False)])
