"""What the pages look like that show subscriptions."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import quote

import htpy as h

from emailopens.pixel.v1 import subscription_service_pb2 as pb
from pixel_service.page.quantities import NOTHING, count
from pixel_service.page.replaying import replay_form
from pixel_service.page.stream_ends import end_in_words, is_trouble
from pixel_service.page.tables import LONG, listed
from pixel_service.page.texts import shown
from pixel_service.page.times import moment

SUBSCRIPTIONS: Final = "/subscriptions"

_COLUMNS: Final = {
    "Subscription": "",
    "State": "",
    "Behind": "",
    "Last acknowledged": "",
    "Last stream ended": LONG,
    "Client": LONG,
    "Configurations": LONG,
}


def path_of(subscription_id: str) -> str:
    """Return where a subscription's page is."""
    return f"{SUBSCRIPTIONS}/{quote(subscription_id, safe='')}"


def subscription_list(subscriptions: Sequence[pb.Subscription], next_page: str) -> h.Node:
    """Return the subscriptions of a page; *next_page* asks for more, and is empty on the last."""
    if not subscriptions:
        return h.p[
            "There are no subscriptions. ",
            h.code["pixel-service subscriptions create"],
            " makes one.",
        ]
    return [
        listed("subscriptions", _COLUMNS, map(_row, subscriptions)),
        bool(next_page)
        and h.p[h.a(".button", href=f"{SUBSCRIPTIONS}?page={quote(next_page, safe='')}")["More"]],
    ]


def _row(subscription: pb.Subscription) -> Sequence[h.Node]:
    return [
        h.a(href=path_of(subscription.id))[subscription.id],
        _state(subscription),
        _lag(subscription),
        moment(subscription.acknowledge_time),
        _last_end(subscription),
        _client(subscription),
        _configurations(subscription),
    ]


def is_paused(subscription: pb.Subscription) -> bool:
    """Return whether a subscription rests because somebody wants it to."""
    return subscription.state == pb.Subscription.STATE_PAUSED


def _state(subscription: pb.Subscription) -> h.Node:
    if is_paused(subscription):
        return h.span["Paused since ", moment(subscription.pause_time)]
    if subscription.streaming:
        return h.span(".state.good")["A stream serves it"]
    return "No stream serves it"


def _last_end(subscription: pb.Subscription) -> h.Node:
    if not subscription.HasField("last_stream_end"):
        return NOTHING
    end = subscription.last_stream_end
    words = shown(end_in_words(end))
    why = h.span(".state.bad")[words] if is_trouble(subscription) else words
    return h.span[why, ", ", moment(end.end_time)]


def _lag(subscription: pb.Subscription) -> h.Node:
    lag = count(subscription.lag, "open")
    if not subscription.fell_behind:
        return lag
    lost = "Retention has removed opens that it did not get."
    return h.span[lag, ". ", h.span(".state.bad")[lost]]


def _client(subscription: pb.Subscription) -> h.Node:
    return shown(subscription.consumer_name) if subscription.consumer_name else NOTHING


def _configurations(subscription: pb.Subscription) -> h.Node:
    return shown(", ".join(subscription.configuration_ids) or "all")


def subscription_page(
    subscription: pb.Subscription, *, may_change: bool, now: dt.datetime
) -> Iterator[h.Node]:
    """Yield what is known of a subscription, and what can be done with it."""
    yield h.h1["Subscription ", h.code[subscription.id]]
    yield h.dl(".facts")[[h.div[h.dt[name], h.dd[value]] for name, value in _facts(subscription)]]
    if may_change:
        action = "resume" if is_paused(subscription) else "pause"
        yield h.div(".actions")[
            h.form(method="post", action=f"{path_of(subscription.id)}/{action}")[
                h.button(type="submit")[action.capitalize()]
            ],
            h.a(".button.danger", href=f"{path_of(subscription.id)}/delete")["Delete"],
        ]
        yield replay_form(f"{path_of(subscription.id)}/replay", now)


def _facts(subscription: pb.Subscription) -> Iterator[tuple[str, h.Node]]:
    yield "State", _state(subscription)
    yield "Behind", _lag(subscription)
    yield "Last stream ended", _last_end(subscription)
    yield "Last acknowledged", moment(subscription.acknowledge_time)
    yield "Client", _client(subscription)
    yield "Configurations", _configurations(subscription)
    yield "Made", moment(subscription.create_time)


def delete_page(subscription_id: str) -> Iterator[h.Node]:
    """Yield the question whether to delete a subscription."""
    yield h.h1["Delete the subscription ", h.code[subscription_id], "?"]
    yield h.p[
        "A client that streams it is cut off, and its place in the log is forgotten. The opens"
        " themselves stay."
    ]
    yield h.form(".actions", method="post", action=f"{path_of(subscription_id)}/delete")[
        h.button(".danger", type="submit")["Delete it"],
        h.a(".button", href=path_of(subscription_id))["Keep it"],
    ]
