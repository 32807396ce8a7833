"""What the page looks like that shows webhooks."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote

import htpy as h

from emailopens.pixel.v1 import webhook_service_pb2 as pb
from pixel_service.page.quantities import NOTHING, count
from pixel_service.page.replaying import replay_form
from pixel_service.page.scrolling import scrolled
from pixel_service.page.tables import LONG, NUMBER, listed
from pixel_service.page.texts import shown
from pixel_service.page.times import moment

WEBHOOKS: Final = "/webhooks"

_STATES: Final[Mapping[int, str]] = {
    pb.Webhook.STATE_ACTIVE: "Delivers",
    pb.Webhook.STATE_PAUSED: "Paused",
    pb.Webhook.STATE_PAUSED_GONE: "Paused: its receiver has answered 410 (gone)",
    pb.Webhook.STATE_PAUSED_EVENT_REFUSED: "Paused: its receiver refuses an event",
}


def path_of(webhook_id: str) -> str:
    """Return where a webhook's page is."""
    return f"{WEBHOOKS}/{quote(webhook_id, safe='')}"


def state_in_words(webhook: pb.Webhook) -> str:
    """Return whether a webhook delivers, and if it is not well, why."""
    state = _STATES.get(webhook.state, "Does not deliver")
    if webhook.state == pb.Webhook.STATE_ACTIVE and webhook.failed_attempts:
        return f"Fails: {count(webhook.failed_attempts, 'attempt')} in a row"
    return state


def is_well(webhook: pb.Webhook) -> bool:
    """Return whether a webhook delivers, as far as is known, and has lost nothing."""
    return (
        webhook.state == pb.Webhook.STATE_ACTIVE
        and not webhook.failed_attempts
        and not webhook.fell_behind
    )


def webhook_list(webhooks: Sequence[pb.Webhook], next_page: str) -> h.Node:
    """Return the webhooks of a page; *next_page* asks for more, and is empty on the last."""
    if not webhooks:
        return h.p[
            "There are no webhooks. ", h.code["pixel-service webhooks create"], " makes one."
        ]
    return [
        listed("webhooks", _COLUMNS, map(_row, webhooks)),
        bool(next_page)
        and h.p[h.a(".button", href=f"{WEBHOOKS}?page={quote(next_page, safe='')}")["More"]],
    ]


_COLUMNS: Final = {
    "Webhook": "",
    "State": "",
    "Behind": NUMBER,
    "Last success": "",
    "Last error": LONG,
    "Skipped": NUMBER,
}


def _row(webhook: pb.Webhook) -> Sequence[h.Node]:
    return [
        h.a(href=path_of(webhook.id))[webhook.id],
        _state(webhook),
        _lag(webhook),
        _success(webhook),
        shown(webhook.last_error or NOTHING),
        count(webhook.skipped_events),
    ]


def _state(webhook: pb.Webhook) -> h.Element:
    return h.span(class_=f"state {'good' if is_well(webhook) else 'bad'}")[state_in_words(webhook)]


def _lag(webhook: pb.Webhook) -> str:
    text = count(webhook.lag, "open")
    return f"{text}, and some are lost to retention" if webhook.fell_behind else text


def _success(webhook: pb.Webhook) -> h.Node:
    if not webhook.HasField("last_success_time"):
        return "never"
    return moment(webhook.last_success_time)


def webhook_page(
    webhook: pb.Webhook,
    skipped: Sequence[pb.SkippedEvent],
    *,
    may_replay: bool,
    may_delete: bool,
    now: dt.datetime,
) -> Iterator[h.Element]:
    """Yield what is known of a webhook, and what can be done with it.

    Args:
        webhook: the webhook.
        skipped: the latest events that it has skipped.
        may_replay: whether whoever looks may move it.
        may_delete: whether they may delete it.
        now: the time, for the form that asks from when to replay.
    """
    yield h.h1["Webhook ", h.code[webhook.id]]
    yield h.dl(".facts")[[h.div[h.dt[name], h.dd[value]] for name, value in _facts(webhook)]]
    yield h.div(".actions")[
        list(_actions(webhook)),
        may_delete and h.a(".button.danger", href=f"{path_of(webhook.id)}/delete")["Delete"],
    ]
    if may_replay:
        yield replay_form(f"{path_of(webhook.id)}/replay", now)
    yield h.h2["Events that were skipped"]
    yield _skipped(webhook, skipped)


def _facts(webhook: pb.Webhook) -> Iterator[tuple[str, h.Node]]:
    yield "State", _state(webhook)
    yield "URL", shown(webhook.url)
    yield "Behind", _lag(webhook)
    yield "Last success", _success(webhook)
    yield "Last error", shown(webhook.last_error or "none")
    if webhook.HasField("next_attempt_time"):
        yield "Next attempt", moment(webhook.next_attempt_time)
    yield "Configurations", ", ".join(webhook.configuration_ids) or "all"
    yield "Made", moment(webhook.create_time)


def _actions(webhook: pb.Webhook) -> Iterator[h.Element]:
    if webhook.state == pb.Webhook.STATE_ACTIVE:
        yield _button(webhook, "pause", "Pause")
    if webhook.state != pb.Webhook.STATE_ACTIVE or webhook.failed_attempts:
        is_active = webhook.state == pb.Webhook.STATE_ACTIVE
        yield _button(webhook, "resume", "Try now" if is_active else "Resume")


def _button(webhook: pb.Webhook, action: str, name: str) -> h.Element:
    return h.form(method="post", action=f"{path_of(webhook.id)}/{action}")[
        h.button(type="submit")[name]
    ]


def _skipped(webhook: pb.Webhook, skipped: Sequence[pb.SkippedEvent]) -> h.Element:
    if not skipped:
        return h.p(".muted")["None."]
    return h.div[
        webhook.skipped_events > len(skipped)
        and h.p(".muted")[f"The latest {count(len(skipped))} of {count(webhook.skipped_events)}."],
        scrolled(
            h.table[
                h.thead[
                    h.tr[[h.th(scope="col")[name] for name in ("Skipped at", "Event", "Error")]]
                ],
                h.tbody[
                    [
                        h.tr[
                            h.td[moment(each.skip_time)],
                            h.td(".value")[h.code[each.event_id]],
                            h.td(".value")[shown(each.error)],
                        ]
                        for each in skipped
                    ]
                ],
            ],
            "skipped events",
        ),
    ]
