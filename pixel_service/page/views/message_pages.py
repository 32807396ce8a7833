"""What the pages about messages look like."""

import enum
from collections.abc import Iterator, Sequence
from urllib.parse import quote

import htpy as h

from emailopens.pixel.v1 import operation_service_pb2, pixel_service_pb2
from pixel_service.page import words
from pixel_service.page.charts import KIND_NAMES
from pixel_service.page.opened_messages import OpenedMessage
from pixel_service.page.quantities import NOTHING, count
from pixel_service.page.tables import LONG, NUMBER, listed
from pixel_service.page.texts import plain, shown
from pixel_service.page.times import moment
from pixel_service.page.views.timeline import timeline

MESSAGES = "/messages"

# The last part of the path of the page that takes an objection, after the message's own.
OBJECTION = "objection"

# Of a subject: two lines or three.
_MOST_IN_ROW = 100
_MOST_IN_HEADING = 200


class By(enum.StrEnum):
    """What a message is found by: the fields of the contract's query."""

    MESSAGE_ID = "message_id"
    RECIPIENT = "recipient"
    SUBJECT = "subject"


_BY_NAMES = {
    By.SUBJECT: "Words of the subject",
    By.RECIPIENT: "Recipient's address",
    By.MESSAGE_ID: "Message ID",
}


def path_of(message_id: str) -> str:
    """Return where a message's page is."""
    return f"{MESSAGES}/{quote(message_id, safe='')}"


def objection_path_of(message_id: str, before: str) -> str:
    """Return where the page about an objection is.

    Args:
        message_id: the message from which it is looked at.
        before: a cursor before which one of its opens is; empty: anywhere.
    """
    path = f"{path_of(message_id)}/{OBJECTION}"
    return f"{path}?before={quote(before, safe='')}" if before else path


def search_form(by: By = By.SUBJECT, text: str = "") -> h.Element:
    """Return the form that finds messages.

    It is posted: whom somebody looked for is in no history, and in no log of a proxy.
    """
    return h.form(".search", method="post", action=MESSAGES)[
        h.label(for_="by")["Find by"],
        h.select("#by", name="by")[
            [
                h.option(value=each.value, selected=each is by)[name]
                for each, name in _BY_NAMES.items()
            ]
        ],
        h.label(for_="text")["Text"],
        h.input("#text", type="search", name="text", value=text, required=True, maxlength="1000"),
        h.button(type="submit")["Find"],
    ]


def found_messages(
    messages: Sequence[OpenedMessage],
    last: pixel_service_pb2.SearchOpensResponse,
    by: By,
    text: str,
) -> h.Element:
    """Return what a search has found, and how to go on if that is not all."""
    looked_at = f"{count(last.examined_opens)} of {count(last.total_opens, 'open')} looked at"
    return h.section(aria_label="Found")[
        h.p(".muted", role="status")[f"{count(len(messages), 'message')} found, {looked_at}."],
        bool(messages) and listed("messages", _COLUMNS, map(_row, messages)),
        not last.is_complete
        and h.form(".actions", method="post", action=MESSAGES)[
            h.input(type="hidden", name="by", value=by.value),
            h.input(type="hidden", name="text", value=text),
            h.input(type="hidden", name="before", value=last.cursor),
            h.button(type="submit")["Look at earlier opens"],
        ],
    ]


_COLUMNS = {"Message": "", "Recipient": LONG, "Last open": "", "Opens": NUMBER} | dict.fromkeys(
    KIND_NAMES.values(), NUMBER
)


def _row(message: OpenedMessage) -> Sequence[h.Node]:
    mail = message.newest.mail
    return [
        h.a(href=path_of(message.message_id))[name_of(message, most=_MOST_IN_ROW)],
        shown(", ".join(mail.destination) or NOTHING),
        moment(message.newest.open.open_time),
        count(message.opens.total),
        *(count(number) for _, number in message.opens.parts()),
    ]


def name_of(message: OpenedMessage, *, most: int = _MOST_IN_HEADING) -> h.Element:
    """Return what a message is called: its subject, or its ID where that was not kept."""
    return shown(message.newest.mail.common_headers.subject or message.message_id, most=most)


def message_page(
    message: OpenedMessage,
    last: pixel_service_pb2.SearchOpensResponse,
    *,
    before: str = "",
    may_erase: bool,
    may_object: bool,
) -> Sequence[h.Node]:
    """Return what is known of a message.

    Args:
        message: the message.
        last: how far the search for its opens came.
        before: the cursor before which that search began; empty: at the end.
        may_erase: whether whoever looks may erase them.
        may_object: whether whoever looks may take objections.
    """
    return [
        h.h1[name_of(message)],
        h.dl(".facts")[[h.div[h.dt[name], h.dd[value]] for name, value in _facts(message)]],
        h.p(".muted")[words.what_is_kept(message.newest.privacy_level)],
        _actions(message.message_id, before, may_erase=may_erase, may_object=may_object),
        h.h2["Opens, the newest first"],
        timeline(message.fetches),
        _earlier(message.message_id, last),
    ]


def missing_page(message_id: str, last: pixel_service_pb2.SearchOpensResponse) -> Sequence[h.Node]:
    """Return that no open of a message was found, and why that may be."""
    return [
        h.h1["No opens found"],
        h.p["Of message ", h.code[plain(message_id)], "."],
        h.p(".muted")[
            "Opens of anonymous messages do not say which message they are of, those of"
            " configurations without notifications are only counted, and retention removes what is"
            " old."
        ],
        _earlier(message_id, last),
    ]


def _actions(message_id: str, before: str, *, may_erase: bool, may_object: bool) -> h.Element:
    path = path_of(message_id)
    return h.p(".actions")[
        h.a(".button", href=f"{path}/opens.jsonl", download=True)["Export its opens (JSON lines)"],
        may_erase and h.a(".button.danger", href=f"{path}/erase")["Erase its opens…"],
        may_object and h.a(".button", href=objection_path_of(message_id, before))["Objection…"],
    ]


def _earlier(message_id: str, last: pixel_service_pb2.SearchOpensResponse) -> h.Node:
    if last.is_complete:
        return None
    return h.p[
        f"{count(last.examined_opens)} of {count(last.total_opens, 'open')} of the log looked at. ",
        h.a(".button", href=f"{path_of(message_id)}?before={quote(last.cursor, safe='')}")[
            "Look at earlier ones"
        ],
    ]


def _facts(message: OpenedMessage) -> Iterator[tuple[str, h.Node]]:
    mail = message.newest.mail
    first = message.first_by_a_person
    yield "Message ID", h.code[message.message_id]
    if mail.destination:
        yield "Recipient", shown(", ".join(mail.destination))
    if mail.common_headers.from_mailboxes:
        yield "From", shown(", ".join(mail.common_headers.from_mailboxes))
    if mail.HasField("acceptance_time"):
        yield "Sent", moment(mail.acceptance_time)
    yield "Configurations", ", ".join(message.fetches[0].configuration_ids)
    if tags := list(message.tags):
        yield "Tags", [h.span(".tag")[shown(tag)] for tag in tags]
    yield (
        "Opens shown",
        f"{count(message.opens.total)}: "
        + ", ".join(
            f"{KIND_NAMES[kind].lower()} {count(number)}" for kind, number in message.opens.parts()
        ),
    )
    yield (
        "First by a person",
        moment(first.notification.open.open_time) if first else "none of those shown",
    )


def erase_page(message_id: str) -> Sequence[h.Element]:
    """Return the question whether a message's opens are erased."""
    path = path_of(message_id)
    return [
        h.h1["Erase the opens of this message?"],
        h.p["Message ", h.code[message_id]],
        h.p[
            "Everything that the log holds of its opens is erased for good, also what is counted"
            " of them. Later fetches of its pixel are recorded again. What subscribers and"
            " webhooks have received already is theirs to erase."
        ],
        h.form(method="post", action=f"{path}/erase")[
            h.p[
                h.input("#sure", type="checkbox", name="sure", value="yes", required=True),
                " ",
                h.label(for_="sure")["Erase them; this cannot be undone"],
            ],
            h.p(".actions")[
                h.button(".danger", type="submit")["Erase"],
                h.a(".button", href=path)["Keep them"],
            ],
        ],
    ]


_UNREACHED = {
    operation_service_pb2.UnreachedOpens.REASON_WAITING: (
        "Some wait to be brought into the log: erase again a little later."
    ),
    operation_service_pb2.UnreachedOpens.REASON_DAMAGED_FILE: (
        "A file that holds opens is damaged, and an operator has to remove it: "
    ),
    operation_service_pb2.UnreachedOpens.REASON_OLDER_STATE_READ: (
        "They are erased, but somebody, such as a backup, reads an older state of the log: erase"
        " again once that has ended."
    ),
}


def erased_page(
    message_id: str, last: operation_service_pb2.EraseOpensResponse, *, is_complete: bool
) -> Sequence[h.Node]:
    """Return what became of erasing."""
    is_done = is_complete and not last.unreached_opens
    return [
        h.h1["Erased" if is_done else "Not all is erased"],
        h.p(role="status")[
            f"{count(last.erased_opens, 'open')} of message ", h.code[message_id], " erased."
        ],
        not is_complete
        and h.p["It takes longer than this page waits. Erasing again does the rest."],
        [
            h.p[
                _UNREACHED.get(each.reason, "Something was not reached: tell an operator. "),
                each.path,
            ]
            for each in last.unreached_opens
        ],
        h.p(".actions")[
            not is_done and h.a(".button", href=f"{path_of(message_id)}/erase")["Erase again…"],
            h.a(".button", href=MESSAGES)["To the messages"],
        ],
    ]
