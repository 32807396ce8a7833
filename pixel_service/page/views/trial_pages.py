"""What the page looks like that tests a message."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import htpy as h

from emailopens.injector.v1 import injector_service_pb2 as pb
from pixel_service.page import words
from pixel_service.page.placing import Place
from pixel_service.page.quantities import count, octets
from pixel_service.page.texts import shown

TEST_MESSAGE: Final = "/test-message"

_Response: Final = pb.RewriteMessageResponse

_OUTCOMES: Final[Mapping[int, tuple[str, str]]] = {
    _Response.OUTCOME_TRACKED: (
        "It is tracked",
        "The message holds a pixel, and nothing else in it has changed.",
    ),
    _Response.OUTCOME_NO_HTML_PART: (
        "It is not tracked: it has no HTML",
        (
            "A pixel needs an HTML part that is shown. This message has none, or only as an"
            " attachment."
        ),
    ),
    _Response.OUTCOME_SEVERAL_RECIPIENTS: (
        "It is not tracked: it has several recipients",
        "One pixel cannot tell who opened it. Send each recipient a copy.",
    ),
    _Response.OUTCOME_NO_RECIPIENT: (
        "It is not tracked: it has no recipient",
        "Neither the form nor the fields To, Cc and Bcc name anybody.",
    ),
    _Response.OUTCOME_TRACKING_DISABLED: (
        "It is not tracked: its configurations turn tracking off",
        "Turn it on in the configuration, if it should be.",
    ),
    _Response.OUTCOME_SIGNED: (
        "It is not tracked: its HTML is signed",
        "A pixel would break the signature. Track first, then sign.",
    ),
    _Response.OUTCOME_ENCRYPTED: (
        "It is not tracked: it is encrypted",
        "Nobody but its recipient can read it. Track first, then encrypt.",
    ),
    _Response.OUTCOME_UNSUPPORTED_ENCODING: (
        "It is not tracked: its encoding does not allow an exact change",
        (
            "The transfer encoding or the charset of the HTML part is one that cannot be changed"
            " without changing more than the pixel."
        ),
    ),
    _Response.OUTCOME_MALFORMED: (
        "It is not tracked: its structure is broken",
        "It is open what a mail client would show, so it is left as it is.",
    ),
    _Response.OUTCOME_TOO_COMPLEX: (
        "It is not tracked: it is too complex",
        "It exceeds a limit on its header, its parts, their depth or its HTML.",
    ),
    _Response.OUTCOME_RECIPIENT_OBJECTED: (
        "It is not tracked: its recipient has objected",
        "It goes out without a pixel until the objection is withdrawn.",
    ),
    _Response.OUTCOME_OBJECTIONS_UNKNOWN: (
        "It is not tracked: it is not known yet who has objected",
        (
            "The injector service has not reached the pixel service since it was told to ask it."
            " See its log."
        ),
    ),
}

_WARNINGS: Final[Mapping[int, str]] = {
    _Response.WARNING_ALREADY_DKIM_SIGNED: (
        "It was signed with DKIM already, and the pixel breaks that signature. Track first, then"
        " sign."
    ),
    _Response.WARNING_LARGE_HTML: (
        "Its HTML is so large that Gmail clips it, and the pixel with it. A placement at the start"
        " avoids that."
    ),
    _Response.WARNING_PIXEL_MAY_NOT_LOAD: (
        "The pixel is where a mail client may not load it, in a hidden element, say, and there is"
        " no better place."
    ),
    _Response.WARNING_SUBJECT_TRUNCATED: (
        "The end of its subject is left out of notifications, to keep the pixel's URL short."
    ),
    _Response.WARNING_HEADERS_TRUNCATED: (
        "Header fields are left out of notifications, to keep the pixel's URL short."
    ),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked about, as far as the form shows it again."""

    text: str = ""
    configuration_ids: str = ""
    recipient: str = ""


def trial_form(asked: Asked, *, most_octets: int) -> h.Element:
    """Return the form that takes a message."""
    return h.form(".stacked", method="post", action=TEST_MESSAGE, enctype="multipart/form-data")[
        h.label(for_="raw")["Paste a message, header and all"],
        h.textarea("#raw", name="raw", rows="12", spellcheck="false", autocomplete="off")[
            # A line end after the opening tag is not part of the text.
            "\n",
            asked.text,
        ],
        h.label(for_="file")[
            f"or choose a file, such as message.eml (at most {octets(most_octets)})"
        ],
        h.input("#file", type="file", name="file", accept=".eml,message/rfc822,text/plain"),
        h.label(for_="configurations")["Configuration IDs, separated by spaces"],
        h.input(
            "#configurations",
            name="configurations",
            value=asked.configuration_ids,
            aria_describedby="configurations-help",
            autocomplete="off",
        ),
        h.p("#configurations-help.muted")[
            "If none is given, the message's header field or its sender says which applies."
        ],
        h.label(for_="recipient")["Recipient"],
        h.input(
            "#recipient",
            name="recipient",
            value=asked.recipient,
            maxlength="320",
            aria_describedby="recipient-help",
            autocomplete="off",
        ),
        h.p("#recipient-help.muted")["If none is given, the fields To, Cc and Bcc say who it is."],
        h.p[h.button(type="submit")["Test it"]],
        h.p(".muted")[
            "Nothing of it is sent or kept. A message that is tracked here counts as one in the"
            " statistics of its configuration."
        ],
    ]


def result(
    response: pb.RewriteMessageResponse, place: Place | None, *, size: int
) -> Iterator[h.Element]:
    """Yield what the injector service made of a message.

    Args:
        response: what it returned.
        place: where the pixel is; None if there is none, or it was not found.
        size: that of the message that was tested, in octets.
    """
    heading, explanation = _OUTCOMES.get(
        response.outcome, ("It is not tracked", "The service says so, and this page not why.")
    )
    is_tracked = response.outcome == _Response.OUTCOME_TRACKED
    yield h.section(class_=f"outcome {'good' if is_tracked else 'bad'}", aria_labelledby="outcome")[
        h.h2("#outcome")[heading],
        h.p[explanation],
        _warnings(response.warnings),
        h.dl(".facts")[[h.div[h.dt[name], h.dd[value]] for name, value in _facts(response, size)]],
    ]
    if is_tracked:
        yield _place(place)


def _warnings(warnings: Sequence[int]) -> h.Node:
    if not warnings:
        return h.p["No warnings."]
    return [
        h.h3["Warnings"],
        h.ul(".warnings")[
            [
                h.li[
                    _WARNINGS.get(
                        each, "The service warns of something that this page does not know."
                    )
                ]
                for each in warnings
            ]
        ],
    ]


def _facts(response: pb.RewriteMessageResponse, size: int) -> Iterator[tuple[str, h.Node]]:
    yield "Size", octets(size)
    if response.outcome == _Response.OUTCOME_TRACKED:
        yield "Grew by", octets(len(response.raw_message) - size)
    yield "Configurations", ", ".join(response.configuration_ids)
    yield "Privacy level", words.level_in_words(response.privacy_level)
    yield "Message ID", h.code[response.message_id]


def _place(place: Place | None) -> h.Element:
    if place is None:
        return h.section[h.h2["The pixel's place"], h.p["This page could not find it."]]
    return h.section(aria_labelledby="place")[
        h.h2("#place")["The pixel's place"],
        h.p[
            f"In part {count(place.part)} of {count(place.parts)} ({place.content_type}, ",
            shown(place.transfer_encoding),
            ", charset ",
            shown(place.charset),
            (
                f"), after {count(place.offset, 'character')} of the HTML, which has"
                f" {count(place.html_length)} with it."
            ),
        ],
        h.pre(".source-code", role="region", aria_label="HTML around the pixel", tabindex="0")[
            h.code[
                place.is_cut_before and "…",
                h.bdi[place.before],
                h.mark[place.pixel],
                h.bdi[place.after],
                place.is_cut_after and "…",
            ]
        ],
    ]
