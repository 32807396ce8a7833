"""What strangers write is read, or refused with the error that is for it, and nothing else."""

import contextlib
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from injector_service.configurations import Configuration, check_configuration
from pixel_service.endpoint.handler import find_token
from pixel_service.errors import CursorForeignLog, CursorMalformed
from pixel_service.intake import TokenOpener, TokenReader
from pixel_service.open_log import LogIdentity, decode_cursor
from service_runtime import base64url
from service_runtime.errors import InvalidFields
from service_runtime.field_checks import FieldChecks
from service_runtime.key_ring import generate_key_ring
from service_runtime.page_tokens import read_page_token
from tests.pixel.service_values import a_token, seal

RING: Final = generate_key_ring()
VALID: Final = seal(a_token(), RING)

texts = st.text(max_size=2_500) | st.binary(max_size=1_500).map(base64url.encode)
short_texts = st.text(max_size=90) | st.binary(max_size=60).map(base64url.encode)
changed_tokens = st.builds(
    lambda at, text: VALID[:at] + text + VALID[at + len(text) :],
    st.integers(0, len(VALID)),
    st.text(max_size=3),
)


@given(token=texts | changed_tokens)
def test_token_of_a_stranger_is_forged(token: str) -> None:
    """Whatever is in the place of a token is one of ours, or stands for a forged one."""
    assert TokenReader(TokenOpener(RING)).read(token).is_forged == (token != VALID)


@given(path=texts | st.from_regex(r"(https?://)?.{0,20}/o/.{0,50}(\.gif)?(\?.*)?", fullmatch=True))
def test_every_path_names_a_token_or_none(path: str) -> None:
    """A token that is found has no slash in it as it was written."""
    token = find_token(path)

    assert token is None or (".gif" in path and "/o/" in path)


@given(text=texts)
def test_cursor_of_a_stranger_is_refused(text: str) -> None:
    """A cursor that is not ours is refused with an error that says so."""
    identity = LogIdentity(log_id="0" * 32, epoch=1, cursor_key=b"k" * 32)
    with contextlib.suppress(CursorMalformed, CursorForeignLog):
        raise AssertionError(decode_cursor(text, identity))


@given(text=texts.filter(bool))
def test_page_token_of_a_stranger_is_noted(text: str) -> None:
    """A page token is the ID of a resource, or is noted."""
    checks = FieldChecks()
    after = read_page_token(text, checks)
    try:
        checks.finish()
    except InvalidFields:
        assert after == ""
    else:
        assert base64url.encode(after.encode()) == text


@given(
    configuration=st.builds(
        Configuration,
        id=short_texts,
        display_name=short_texts,
        description=short_texts,
        pixel_base_url=short_texts | short_texts.map(lambda text: f"https://{text}"),
        notified_headers=st.lists(short_texts, max_size=5).map(tuple),
        senders=st.lists(short_texts | st.emails(), max_size=5).map(tuple),
        open_expiry_days=st.integers(-(2**31), 2**31 - 1),
    )
)
def test_configuration_of_a_stranger_is_checked(configuration: Configuration) -> None:
    """Whatever is in its fields is right, or is noted: nothing else is raised."""
    checks = FieldChecks()
    check_configuration(configuration, checks)
    with contextlib.suppress(InvalidFields):
        checks.finish()
