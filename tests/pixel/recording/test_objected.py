"""Of whoever has objected nothing is recorded."""

import pytest

from emailopens.notification.v1 import privacy_level_pb2
from emailopens.token.v1 import pixel_token_pb2 as pb
from pixel_service.open_log import message_key, message_objection_key, recipient_objection_key
from pixel_service.privacy import KeptOpen, decode_open
from pixel_service.recording import Objected
from tests.pixel.recording.kept_values import kept

LOG_KEY = b"key of the log"


def an_open(token: pb.PixelToken, *, of_message: str = "") -> KeptOpen:
    """Return an open whose message is kept as *token*."""
    plain = decode_open(kept("m1"))
    return plain._replace(
        message=token.SerializeToString(),
        message_key=message_key(of_message) if of_message else b"",
    )


def objected_to(*, recipient: str = "", message_id: str = "") -> Objected:
    """Return the one objection that there is."""
    objected = Objected(LOG_KEY)
    objected.replace(
        frozenset(
            {
                recipient_objection_key(recipient, LOG_KEY)
                if recipient
                else message_objection_key(message_key(message_id), LOG_KEY)
            }
        )
    )
    return objected


@pytest.mark.parametrize(
    ("token", "is_hers"),
    [
        (pb.PixelToken(to_mailboxes=["Ann <ANN@example.com>"]), True),
        (pb.PixelToken(to_mailboxes=['Ann <"ann"@EXAMPLE.com.>']), True),
        (pb.PixelToken(recipient="ann@example.com", to_mailboxes=["list@example.com"]), True),
        # A copy of hers would have another token.
        (pb.PixelToken(recipient="bob@example.com", to_mailboxes=["ann@example.com"]), False),
        (pb.PixelToken(to_mailboxes=["ann@example.com", "bob@example.com"]), False),
        (pb.PixelToken(to_mailboxes=["joann@example.com"]), False),
        (pb.PixelToken(), False),
    ],
)
def test_open_is_of_the_recipient_that_its_message_was_rewritten_for(
    token: pb.PixelToken, *, is_hers: bool
) -> None:
    """Others that the header names did not open it, and nobody is taken for another."""
    assert objected_to(recipient="ann@example.com").has(an_open(token)) is is_hers


def test_message_is_known_where_its_recipient_is_not() -> None:
    """By the key that tells its opens from others'."""
    token = pb.PixelToken(privacy_level=privacy_level_pb2.PRIVACY_LEVEL_PSEUDONYMOUS)
    objected = objected_to(message_id="m7")
    assert objected.has(an_open(token, of_message="m7"))
    assert not objected.has(an_open(token, of_message="m8"))
    assert not objected.has(an_open(token))


def test_what_cannot_be_read_is_nobodys() -> None:
    """Whoever makes notifications of it says so."""
    broken = an_open(pb.PixelToken())._replace(message=b"\xff\xff")
    assert not objected_to(recipient="ann@example.com").has(broken)


def test_withdrawn_objection_is_none() -> None:
    """From then on opens are recorded again."""
    objected = objected_to(recipient="ann@example.com")
    hers = an_open(pb.PixelToken(to_mailboxes=["ann@example.com"]))
    assert objected.has(hers)
    objected.replace(frozenset())
    assert not objected.has(hers)
