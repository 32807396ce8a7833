"""What the page looks like that takes an objection."""

from collections.abc import Iterator

import htpy as h

from emailopens.pixel.v1 import objection_service_pb2 as pb
from pixel_service.page.texts import shown
from pixel_service.page.times import moment
from pixel_service.page.views.message_pages import objection_path_of, path_of


def objection_page(
    message_id: str, recipient: str, objection: pb.Objection | None, *, before: str
) -> Iterator[h.Node]:
    """Yield what an objection means, whether there is one, and what takes or withdraws it.

    Args:
        message_id: the message from which it is looked at.
        recipient: the message's recipient; empty where that is not kept.
        objection: the one that there is, if there is one.
        before: the cursor before which an open of the message is; empty: anywhere.
    """
    yield h.h1["Objection to being tracked"]
    yield h.dl(".facts")[
        h.div[h.dt["Of"], h.dd[shown(recipient) if recipient else ["message ", _code(message_id)]]],
        h.div[h.dt["Taken"], h.dd[moment(objection.create_time) if objection else "no"]],
    ]
    if recipient:
        yield h.p[
            "Of whoever has objected nothing is recorded any more: no open of any message to this"
            " address, whenever it was sent. They cannot tell."
        ]
    else:
        yield h.p[
            "What this message's level keeps does not say whose it is. So the objection is to this"
            " message alone: no open of it is recorded any more. They cannot tell."
        ]
    yield h.p["What was recorded before stays until it is erased."]
    yield h.form(".actions", method="post", action=objection_path_of(message_id, before))[
        _withdraw_button() if objection else _object_button(),
        h.a(".button", href=path_of(message_id))["Back to the message"],
    ]


def _object_button() -> h.Element:
    return h.button(".danger", type="submit", name="do", value="object")["Record nothing more"]


def _withdraw_button() -> h.Element:
    return h.button(type="submit", name="do", value="withdraw")["Withdraw: record again"]


def _code(message_id: str) -> h.Element:
    return h.code[message_id]
