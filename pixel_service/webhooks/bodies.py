"""What a request says: a notification as JSON, plain or as Amazon SNS would deliver it.

The same notification has the same octets whenever it is sent, also by another process.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Final

from google.protobuf import json_format, message

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.pixel.v1 import webhook_service_pb2 as webhook_pb

# Tags of this kind are the service's own, and no message was sent with them.
_OWN_TAGS: Final = "ses:"


class EventUnreadable(Exception):
    """The log holds octets that are no notification.  The text says so, and nothing of them."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What is sent for one event."""

    event_id: str
    octets: bytes = dataclasses.field(repr=False)
    headers: Mapping[str, str]
    """Header fields that belong to the format."""


def body_of(notification: bytes, body_format: int) -> Body:
    """Return what a webhook of *body_format* sends for a serialized *notification*.

    Args:
        notification: as the log holds it.
        body_format: number of the contract's `Webhook.Format`.

    Raises:
        EventUnreadable: it is no notification.
    """
    try:
        parsed = pb.OpenNotification.FromString(notification)
        event = json_format.MessageToDict(parsed)
        if body_format == webhook_pb.Webhook.FORMAT_SNS:
            return _sns_body(parsed, event)
    except (message.Error, json_format.Error, ValueError) as error:
        raise EventUnreadable(f"the event cannot be read ({type(error).__name__})") from error
    return Body(
        event_id=parsed.event_id,
        octets=_json(event).encode(),
        headers={"Content-Type": "application/json"},
    )


def _sns_body(notification: pb.OpenNotification, event: dict[str, Any]) -> Body:
    event.setdefault("mail", {})["headers"] = _headers_with_tags(notification.mail)
    envelope = {
        "Type": "Notification",
        "MessageId": notification.event_id,
        "Message": _json(event),
        # SES' own consumers take the envelope's time for the event's.
        "Timestamp": _milliseconds(notification),
    }
    return Body(
        event_id=notification.event_id,
        octets=_json(envelope).encode(),
        headers={
            # As Amazon SNS sends it.
            "Content-Type": "text/plain; charset=UTF-8",
            "x-amz-sns-message-type": "Notification",
            "x-amz-sns-message-id": notification.event_id,
        },
    )


def _headers_with_tags(mail: pb.Mail) -> list[dict[str, str]]:
    """Return the header fields, with the tags where consumers of SES look for tags.

    They ask for them by `X-Tag`, one field a tag, and by `X-Metadata`, which is an object.
    A message's own fields stay.
    """
    headers = [{"name": field.name, "value": field.value} for field in mail.headers]
    known = {field.value for field in mail.headers if field.name.lower() == "x-tag"}
    tags = {
        name: [value.string_value for value in mail.tags[name].values]
        for name in sorted(mail.tags)
        if not name.startswith(_OWN_TAGS)
    }
    values = dict.fromkeys(value for values in tags.values() for value in values)
    headers += [{"name": "X-Tag", "value": value} for value in values if value not in known]
    if tags and not any(field.name.lower() == "x-metadata" for field in mail.headers):
        metadata = {name: ", ".join(values) for name, values in tags.items()}
        headers.append({"name": "X-Metadata", "value": _json(metadata)})
    return headers


def _milliseconds(notification: pb.OpenNotification) -> str:
    time = notification.open.open_time.ToDatetime()
    return time.isoformat(timespec="milliseconds") + "Z"


def _json(value: object) -> str:
    # Sorted: the order of a map's entries is another in every process.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
