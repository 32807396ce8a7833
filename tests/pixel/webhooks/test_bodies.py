"""What a request says."""

import datetime as dt
import json
from collections.abc import Mapping

import django.conf
from anymail.signals import AnymailTrackingEvent
from django.test import RequestFactory
from google.protobuf import json_format

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.pixel.v1 import webhook_service_pb2 as webhook_pb
from pixel_service.webhooks.bodies import Body, body_of

OPENED = dt.datetime(2026, 11, 24, 10, 5, 6, 789_000, tzinfo=dt.UTC)


def notification(*, names: list[str]) -> pb.OpenNotification:
    made = pb.OpenNotification(event_type="Open", event_id="0123:0", configuration_id="news")
    made.mail.destination.append("zofia@example.org")
    made.mail.message_id = "m1"
    made.mail.headers.add(name="X-Tag", value="spring")
    made.mail.common_headers.subject = "Żółć </script>"
    made.open.user_agent = "Thunderbird"
    made.open.open_time.FromDatetime(OPENED)
    for name in names:
        made.mail.tags[name].append(f"value of {name}")
    made.mail.tags["ses:from-domain"].append("example.org")
    return made


def events_of(body: Body) -> list[AnymailTrackingEvent]:
    """Return what django-anymail's view for Amazon SES makes of *body*."""
    return events_of_request(body.octets, body.headers)


def events_of_request(octets: bytes, headers: Mapping[str, str]) -> list[AnymailTrackingEvent]:
    """Return what django-anymail's view for Amazon SES makes of a request."""
    if not django.conf.settings.configured:
        django.conf.settings.configure(USE_TZ=True)
    from anymail.webhooks.amazon_ses import (  # noqa: PLC0415 - needs the settings
        AmazonSESTrackingWebhookView,
    )

    # Not constructed: that sets up a client of Amazon's, which reading does not use.
    view = AmazonSESTrackingWebhookView.__new__(AmazonSESTrackingWebhookView)
    others = dict(headers)
    request = RequestFactory().post(
        "/", octets, content_type=others.pop("Content-Type"), headers=others
    )
    view.validate_request(request)
    events: list[AnymailTrackingEvent] = view.parse_events(request)
    return events


def test_json_is_the_notification() -> None:
    """A receiver parses it to what a stream would have sent."""
    made = notification(names=["edition"])

    body = body_of(made.SerializeToString(), webhook_pb.Webhook.FORMAT_JSON)

    assert json_format.Parse(body.octets, pb.OpenNotification()) == made
    assert body.event_id == "0123:0"
    assert body.headers == {"Content-Type": "application/json"}


def test_octets_do_not_depend_on_the_order_of_a_map() -> None:
    """Another process, whose maps have another order, sends the same octets."""
    names = [f"tag-{number}" for number in range(20)]
    for body_format in (webhook_pb.Webhook.FORMAT_JSON, webhook_pb.Webhook.FORMAT_SNS):
        one = body_of(notification(names=names).SerializeToString(), body_format)
        other = body_of(notification(names=names[::-1]).SerializeToString(), body_format)

        assert one.octets == other.octets


def test_anymail_reads_an_open_with_its_tags_and_its_own_time() -> None:
    """django-anymail makes of it the event that it makes of Amazon's."""
    body = body_of(
        notification(names=["edition", "campaign"]).SerializeToString(),
        webhook_pb.Webhook.FORMAT_SNS,
    )

    (event,) = events_of(body)

    assert event.event_type == "opened"
    assert event.recipient == "zofia@example.org"
    assert event.event_id == "0123:0"
    assert event.message_id == "m1"
    assert event.user_agent == "Thunderbird"
    assert event.timestamp == OPENED
    assert event.tags == ["spring", "value of campaign", "value of edition"]
    assert event.metadata == {"campaign": "value of campaign", "edition": "value of edition"}


def test_envelope_keeps_what_json_has() -> None:
    """But for the header fields of tags, the message in the envelope is the notification."""
    octets = notification(names=[]).SerializeToString()

    envelope = json.loads(body_of(octets, webhook_pb.Webhook.FORMAT_SNS).octets)

    plain = json.loads(body_of(octets, webhook_pb.Webhook.FORMAT_JSON).octets)
    assert json.loads(envelope["Message"]) == plain
