"""The pages about messages."""

import datetime as dt

import pytest

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.notification.v1 import privacy_level_pb2
from emailopens.pixel.v1 import operation_service_pb2, pixel_service_pb2
from pixel_service.page.opened_messages import messages_of
from pixel_service.page.views.message_pages import (
    By,
    erase_page,
    erased_page,
    found_messages,
    message_page,
    path_of,
    search_form,
)
from tests.page.markup import HOSTILE, fields_of, labels_of, parsed, text_of, what_runs


def notification(text: str = "Hello", *, event_id: str = "1:0") -> pb.OpenNotification:
    evidence = pb.Evidence(
        agent=pb.AGENT_PERSON,
        confidence=pb.CONFIDENCE_MEDIUM,
        open_number=1,
        client=pb.Client(name=text),
        signals=[pb.Signal(name="x", seen=text, agent=pb.AGENT_PERSON, source=text)],
    )
    opened = pb.Open(ip_address=text, user_agent=text, evidence=evidence)
    opened.open_time.FromDatetime(dt.datetime(2026, 11, 27, 9, tzinfo=dt.UTC))
    mail = pb.Mail(
        message_id=text,
        destination=[text],
        common_headers=pb.CommonHeaders(subject=text, from_mailboxes=[text]),
    )
    mail.tags[text].append(text)
    return pb.OpenNotification(
        event_id=event_id,
        configuration_id=text,
        mail=mail,
        open=opened,
        privacy_level=privacy_level_pb2.PRIVACY_LEVEL_FULL,
    )


def response(*, is_complete: bool) -> pixel_service_pb2.SearchOpensResponse:
    return pixel_service_pb2.SearchOpensResponse(
        examined_opens=1_000, total_opens=5_000, cursor="here", is_complete=is_complete
    )


def test_nothing_that_a_message_holds_runs() -> None:
    """Whatever its texts are: they are read, and make no element and no attribute."""
    messages = messages_of([notification(HOSTILE)])
    pages = [
        *message_page(messages[0], response(is_complete=False), may_erase=True, may_object=True),
        search_form(By.SUBJECT, HOSTILE),
        found_messages(messages, response(is_complete=False), By.SUBJECT, HOSTILE),
        *erase_page(HOSTILE),
    ]

    assert what_runs(*pages) == []
    assert "<script>alert(1)</script>" in text_of(*pages)


def test_message_is_found_by_what_people_know_of_it() -> None:
    """By subject, recipient or ID, in a form that keeps what was looked for out of URLs."""
    form = search_form(By.RECIPIENT, "jane@example.com")
    (element,) = parsed(form).iter("form")
    chosen = [
        each.get("value")
        for each in parsed(form).iter("option")
        if each.get("selected") is not None
    ]

    assert element.get("method") == "post"
    assert chosen == ["recipient"]
    assert {field.get("id") for field in fields_of(form)} == labels_of(form)


def test_what_is_found_is_a_row_for_each_message_and_says_how_far_it_looked() -> None:
    """Whoever wants more goes on from there."""
    found = messages_of(
        [notification("Hello"), notification("=?utf-8?q?caf=C3=A9?=", event_id="2:0")]
    )
    page = found_messages(found, response(is_complete=False), By.SUBJECT, "x")
    hidden = {each.get("name"): each.get("value") for each in parsed(page).iter("input")}

    assert "2 messages found, 1,000 of 5,000 opens looked at." in text_of(page)
    assert "caf\N{LATIN SMALL LETTER E WITH ACUTE}" in text_of(page)
    assert hidden == {"by": "subject", "text": "x", "before": "here"}


def test_search_that_is_complete_is_not_gone_on_with() -> None:
    """There is no button that does nothing."""
    page = found_messages([], response(is_complete=True), By.SUBJECT, "x")

    assert "0 messages found" in text_of(page)
    assert not list(parsed(page).iter("button"))


def test_message_says_who_opened_it_first_and_why_that_is_thought() -> None:
    """In words that are as sure as the judgement, with the rule and its source."""
    (message,) = messages_of([notification("Hello")])
    text = text_of(
        *message_page(message, response(is_complete=True), may_erase=False, may_object=False)
    )

    assert "Probably a person opened it." in text
    assert "First by a person 2026-11-27 09:00:00 UTC" in text
    assert "Source: Hello." in text
    assert "Everything is kept of this message's opens." in text
    assert "Erase" not in text


def test_erasing_asks_first() -> None:
    """The message's page leads to a question, and only its answer erases."""
    (message,) = messages_of([notification("m1")])
    links = [
        each.get("href")
        for each in parsed(
            *message_page(message, response(is_complete=True), may_erase=True, may_object=True)
        ).iter("a")
    ]
    (form,) = parsed(*erase_page("m1")).iter("form")
    (sure,) = fields_of(*erase_page("m1"))

    assert "/messages/m1/erase" in links
    assert (form.get("method"), form.get("action")) == ("post", "/messages/m1/erase")
    assert sure.get("required") is not None


@pytest.mark.parametrize("reason", operation_service_pb2.UnreachedOpens.Reason.values())
def test_what_was_not_erased_is_said(
    reason: operation_service_pb2.UnreachedOpens.Reason.ValueType,
) -> None:
    """Erasing is complete only if nothing is named, whatever the reason."""
    unreached = operation_service_pb2.UnreachedOpens(reason=reason, path="/data/x")
    last = operation_service_pb2.EraseOpensResponse(erased_opens=2, unreached_opens=[unreached])
    text = text_of(*erased_page("m1", last, is_complete=True))

    assert text.startswith("Not all is erased")
    assert "/data/x" in text
    assert "Erase again" in text


def test_erasing_that_is_complete_says_so() -> None:
    """Or that it takes longer than a page waits."""
    last = operation_service_pb2.EraseOpensResponse(erased_opens=1)

    assert text_of(*erased_page("m1", last, is_complete=True)).startswith(
        "Erased 1 open of message m1"
    )
    assert "does the rest" in text_of(*erased_page("m1", last, is_complete=False))


def test_path_holds_any_id() -> None:
    """An ID that is none of ours does not lead elsewhere."""
    assert path_of("a/../b?c#d") == "/messages/a%2F..%2Fb%3Fc%23d"
