"""Cursors: text that names one place of one log, and cannot be changed unnoticed."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_service.errors import CursorForeignLog, CursorMalformed
from pixel_service.open_log import LogIdentity, Position, decode_cursor, encode_cursor

IDENTITY = LogIdentity(log_id="0123456789abcdef" * 2, epoch=1, cursor_key=b"k" * 32)
POSITION = Position(7, 11)

positions = st.builds(
    Position, st.integers(min_value=0, max_value=2**64 - 1), st.integers(0, 2**64 - 1)
)


@given(positions)
def test_a_cursor_names_its_position(position: Position) -> None:
    """What was encoded comes back, from at most 128 URL-safe characters."""
    text = encode_cursor(position, IDENTITY)

    assert decode_cursor(text, IDENTITY) == position
    assert re.fullmatch("[A-Za-z0-9_-]{1,128}", text)


@given(st.integers(0, 75), st.sampled_from("ABab01-_"))
def test_a_changed_cursor_is_malformed(index: int, character: str) -> None:
    """No single character can be changed without notice."""
    text = encode_cursor(POSITION, IDENTITY)
    changed = text[:index] + character + text[index + 1 :]

    if changed == text:
        return
    with pytest.raises(CursorMalformed):
        decode_cursor(changed, IDENTITY)


@given(st.one_of(st.text(max_size=200), st.binary(max_size=90).map(base64.urlsafe_b64encode)))
def test_other_text_is_malformed(text: str | bytes) -> None:
    """Whatever is no cursor is refused as such, and nothing else is raised."""
    with pytest.raises(CursorMalformed):
        decode_cursor(text if isinstance(text, str) else text.decode(), IDENTITY)


@pytest.mark.parametrize(
    "other",
    [
        LogIdentity(log_id="f" * 32, epoch=1, cursor_key=b"other" * 6 + b"ke"),
        LogIdentity(log_id=IDENTITY.log_id, epoch=2, cursor_key=IDENTITY.cursor_key),
    ],
)
def test_a_cursor_of_another_log_or_epoch_is_foreign(other: LogIdentity) -> None:
    """A cursor is valid in its own log and epoch only."""
    text = encode_cursor(POSITION, other)

    with pytest.raises(CursorForeignLog) as caught:
        decode_cursor(text, IDENTITY)
    assert caught.value.metadata == {"log_id": IDENTITY.log_id}


def test_a_cursor_cannot_be_made_without_the_key() -> None:
    """Knowing log ID, epoch and format is not enough."""
    forger = LogIdentity(log_id=IDENTITY.log_id, epoch=1, cursor_key=b"guess" * 6 + b"es")

    with pytest.raises(CursorMalformed):
        decode_cursor(encode_cursor(POSITION, forger), IDENTITY)
