"""The opens of a message, one after the other, with what is known of each."""

from collections.abc import Iterator, Sequence
from typing import Final

import htpy as h

from pixel_service.page import words
from pixel_service.page.charts import Kind
from pixel_service.page.opened_messages import Fetch
from pixel_service.page.texts import shown
from pixel_service.page.times import moment

_NAMES: Final = {Kind.PERSON: "Person", Kind.MACHINE: "Machine", Kind.UNKNOWN: "Unknown"}


def timeline(fetches: Sequence[Fetch]) -> h.Element:
    """Return the opens in their order."""
    return h.ol(".timeline")[[_fetch(each) for each in fetches]]


def _fetch(fetch: Fetch) -> h.Element:
    opened = fetch.notification.open
    evidence = opened.evidence
    caution = words.caution(evidence)
    return h.li(class_=f"fetch {fetch.kind}")[
        h.p(".fetch-head")[
            moment(opened.open_time),
            " ",
            h.span(class_=f"kind {fetch.kind}")[_NAMES[fetch.kind]],
        ],
        h.p(".verdict")[words.verdict(evidence), "."],
        caution and h.p(".caution")[caution],
        h.dl(".facts")[list(_facts(fetch))],
        _reasons(words.reasons(evidence), evidence.ruleset_version),
    ]


def _facts(fetch: Fetch) -> Iterator[h.Element]:
    for name, value in words.facts(fetch.notification):
        yield h.div[h.dt[name], h.dd[shown(value)]]
    if len(fetch.configuration_ids) > 1:
        yield h.div[h.dt["Configurations"], h.dd[", ".join(fetch.configuration_ids)]]


def _reasons(reasons: Sequence[words.Reason], version: str) -> h.Element:
    if not reasons:
        return h.p(".why.muted")["No rule spoke for anything."]
    return h.details(".why")[
        h.summary[f"Why ({len(reasons)})"],
        h.ul[[_reason(each) for each in reasons]],
        h.p(".muted")[f"By the rules of version {version}."],
    ]


def _reason(reason: words.Reason) -> h.Element:
    return h.li[
        reason.seen,
        reason.speaks and f", which {reason.speaks}",
        ".",
        reason.source and h.span(".source")[f" Source: {reason.source}."],
    ]
