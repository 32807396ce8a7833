"""Octets as text for URLs."""

import hypothesis
import pytest
from hypothesis import strategies as st

from service_runtime import base64url


@hypothesis.given(octets=st.binary(max_size=100))
def test_octets_come_back(octets: bytes) -> None:
    """What was encoded is read again, and its text needs no escaping in a URL."""
    text = base64url.encode(octets)

    assert base64url.decode(text) == octets
    assert not set(text) & set("+/=")


@hypothesis.given(text=st.text(alphabet=st.sampled_from("AQgw-_+/=\n é9"), max_size=12))
def test_octets_have_one_text(text: str) -> None:
    """No other text than the one that is written is read."""
    octets = base64url.decode(text)

    assert octets is None or base64url.encode(octets) == text


@pytest.mark.parametrize("text", ["A", "AB==", "AB", "-_8\n", "+A", "/A", "A A", "é", "AA="])
def test_other_texts_are_refused(text: str) -> None:
    """Padding, surplus bits, foreign characters and the other alphabet are no text of octets."""
    assert base64url.decode(text) is None
