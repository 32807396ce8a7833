"""The page that shows webhooks."""

import datetime as dt

import pytest

from emailopens.pixel.v1 import webhook_service_pb2 as pb
from pixel_service.page.views.webhook_form_pages import AskedWebhook, create_form
from pixel_service.page.views.webhook_pages import (
    is_well,
    state_in_words,
    webhook_list,
    webhook_page,
)
from tests.page.markup import HOSTILE, fields_of, labels_of, parsed, text_of, what_runs

NOW = dt.datetime(2026, 11, 27, 9, 30, tzinfo=dt.UTC)
ACTIVE = pb.Webhook(id="crm", url="https://crm.example/hook", state=pb.Webhook.STATE_ACTIVE)


def actions_of(webhook: pb.Webhook, *, may_replay: bool = True) -> set[str]:
    """Return what can be done with a webhook: the ends of the paths of its forms."""
    page = webhook_page(webhook, [], may_replay=may_replay, may_delete=True, now=NOW)
    return {form.get("action", "").rpartition("/")[2] for form in parsed(*page).iter("form")}


@pytest.mark.parametrize("state", set(pb.Webhook.State.values()) - {pb.Webhook.STATE_UNSPECIFIED})
def test_every_state_has_words(state: pb.Webhook.State.ValueType) -> None:
    """One that is paused says why."""
    assert state_in_words(pb.Webhook(state=state)) != "Does not deliver"


def test_webhook_that_fails_is_not_well_although_it_delivers() -> None:
    """Nor is one that retention has overtaken."""
    failing = pb.Webhook(state=pb.Webhook.STATE_ACTIVE, failed_attempts=3)

    assert is_well(ACTIVE)
    assert not is_well(failing)
    assert state_in_words(failing) == "Fails: 3 attempts in a row"
    assert not is_well(pb.Webhook(state=pb.Webhook.STATE_ACTIVE, fell_behind=True))


def test_list_says_who_is_behind_and_the_last_error() -> None:
    """And leads to each of them, and to the next page."""
    webhook = pb.Webhook(
        id="crm", state=pb.Webhook.STATE_PAUSED, lag=1_234, last_error="503 from the receiver"
    )
    page = webhook_list([webhook], "next/page")
    links = {each.get("href") for each in parsed(page).iter("a")}

    assert "1,234 opens" in text_of(page)
    assert "503 from the receiver" in text_of(page)
    assert links == {"/webhooks/crm", "/webhooks?page=next%2Fpage"}


def test_no_webhooks_say_how_one_is_made() -> None:
    """An empty table would say nothing."""
    assert "webhooks create" in text_of(webhook_list([], ""))


def test_what_can_be_done_is_what_does_something() -> None:
    """A paused webhook cannot be paused, and one that is well not be resumed."""
    failing = pb.Webhook(id="crm", state=pb.Webhook.STATE_ACTIVE, failed_attempts=1)

    assert actions_of(ACTIVE) == {"pause", "replay"}
    assert actions_of(failing) == {"pause", "resume", "replay"}
    assert actions_of(pb.Webhook(id="crm", state=pb.Webhook.STATE_PAUSED_GONE)) == {
        "resume",
        "replay",
    }
    assert actions_of(ACTIVE, may_replay=False) == {"pause"}


def test_deleting_is_offered_to_those_who_may_delete() -> None:
    """It leads to a question, and not to the end of it."""

    def links(*, may_delete: bool) -> list[str | None]:
        page = webhook_page(ACTIVE, [], may_replay=False, may_delete=may_delete, now=NOW)
        return [each.get("href") for each in parsed(*page).iter("a")]

    assert links(may_delete=True) == ["/webhooks/crm/delete"]
    assert links(may_delete=False) == []


def test_form_has_a_label_for_each_field_and_shows_again_what_was_asked() -> None:
    """Whoever mends a URL need not begin again, and nothing of it runs."""
    asked = AskedWebhook(webhook_id="crm", url=HOSTILE, if_refused="The webhook is paused")
    form = create_form(asked)
    chosen = [each.text for each in parsed(form).iter("option") if each.get("selected") is not None]

    assert {each.get("id") for each in fields_of(form)} <= labels_of(form)
    assert [each.get("value") for each in fields_of(form)][:2] == ["crm", HOSTILE]
    assert "The webhook is paused" in chosen
    assert what_runs(form) == []


def test_replay_asks_from_when() -> None:
    """A day ago, unless somebody says otherwise; its field has a label."""
    page = list(webhook_page(ACTIVE, [], may_replay=True, may_delete=True, now=NOW))
    (field,) = fields_of(*page)

    assert (field.get("value"), field.get("max")) == ("2026-11-26T09:30", "2026-11-27T09:30")
    assert field.get("id") in labels_of(*page)


def test_events_that_were_skipped_are_listed_with_their_errors() -> None:
    """As many as there are here, and it says of how many."""
    webhook = pb.Webhook(id="crm", skipped_events=1_000)
    skipped = [pb.SkippedEvent(event_id="e1", error="422 from the receiver")]
    text = text_of(*webhook_page(webhook, skipped, may_replay=False, may_delete=False, now=NOW))

    assert "The latest 1 of 1,000." in text
    assert "e1 422 from the receiver" in text


def test_nothing_of_a_receiver_runs() -> None:
    """Its URL and what it answers are texts."""
    webhook = pb.Webhook(
        id=HOSTILE, url="javascript:alert(1)", last_error=HOSTILE, configuration_ids=[HOSTILE]
    )
    skipped = [pb.SkippedEvent(event_id=HOSTILE, error=HOSTILE)]
    nodes = [
        *webhook_page(webhook, skipped, may_replay=True, may_delete=True, now=NOW),
        webhook_list([webhook], HOSTILE),
    ]

    assert what_runs(*nodes) == []
