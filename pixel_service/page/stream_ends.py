"""How a stream of a subscription has ended, in words."""

from collections.abc import Mapping
from typing import Final

from emailopens.pixel.v1 import subscription_service_pb2 as pb

BY_REASON: Final[Mapping[str, str]] = {
    "SUBSCRIPTION_PAUSED": "Somebody paused it",
    "SUBSCRIPTION_TAKEN_OVER": "A newer stream took over, or it was moved",
    "CONSUMER_STALLED": "Its client was too slow: it did not read for a minute",
    "CURSOR_EXPIRED": "Retention has removed opens that it did not get",
    "API_KEY_INVALID": "Its client's key was revoked or changed",
    "API_KEY_EXPIRED": "Its client's key has expired",
    "DRAINING": "The service was stopped",
    "STREAM_LOST": "Its process was killed, or could not reach the log",
    "STORAGE_UNAVAILABLE": "The log did not answer",
    "LOG_DAMAGED": "The log is damaged",
    "LOG_HOLE": "Opens are missing in the log",
}
_BY_CODE: Final[Mapping[str, str]] = {
    "OK": "It had everything that it had asked for",
    "CANCELLED": "Its client left",
}

# Without a reason, or with one that somebody has meant, or that is over by itself.
_HARMLESS: Final = frozenset(
    {"SUBSCRIPTION_PAUSED", "SUBSCRIPTION_TAKEN_OVER", "DRAINING", "STREAM_LOST"}
)


def end_in_words(end: pb.StreamEnd) -> str:
    """Return why a stream is over; an end that is not known here, as the service names it."""
    if words := BY_REASON.get(end.reason) or _BY_CODE.get(end.code):
        return words
    return f"{end.code}, {end.reason}" if end.reason else end.code


def is_trouble(subscription: pb.Subscription) -> bool:
    """Return whether the end of the last stream is why no other serves *subscription* now."""
    end = subscription.last_stream_end
    is_harmless = end.code in _BY_CODE or end.reason in _HARMLESS
    has_ended = subscription.HasField("last_stream_end") and not subscription.streaming
    return has_ended and not is_harmless
