"""A kept open as octets: all of it comes back, and other octets are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_service.evidence import Agent, Client, Confidence, Evidence, Network, Signal
from pixel_service.privacy import (
    KeptFetch,
    KeptOpen,
    KeptOpenInvalid,
    decode_open,
    encode_open,
)

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)

EVIDENCE = st.builds(
    Evidence,
    agent=st.sampled_from(Agent),
    confidence=st.sampled_from(Confidence),
    signals=st.lists(
        st.builds(
            Signal,
            name=TEXT,
            seen=TEXT,
            agent=st.sampled_from(Agent),
            confidence=st.sampled_from(Confidence),
            source=TEXT,
        ),
        max_size=3,
    ).map(tuple),
    since_acceptance=st.none(),
    ruleset_version=TEXT,
    client=st.none() | st.builds(Client, name=TEXT, operating_system=TEXT, device=TEXT),
    network=st.none()
    | st.builds(
        Network, operator=TEXT, autonomous_system_number=st.integers(0, 2**32 - 1), country=TEXT
    ),
)

KEPT = st.builds(
    KeptOpen,
    open_id=st.text("0aZ_-", min_size=22, max_size=22),
    open_us=st.integers(0, 2**62),
    message_key=st.just(b"") | st.binary(min_size=16, max_size=16),
    source_key=st.just(b"") | st.binary(min_size=16, max_size=16),
    message=st.binary(max_size=400),
    fetch=st.builds(KeptFetch, ip_address=TEXT, user_agent=TEXT, evidence=EVIDENCE),
    collapsed=st.just(0) | st.integers(1, 2**31 - 1),
)


@given(kept=KEPT)
def test_kept_open_comes_back_as_it_was(kept: KeptOpen) -> None:
    """Octets hold the whole of it, with the evidence's own types."""
    octets = encode_open(kept)
    found = decode_open(octets)

    assert found == kept
    assert isinstance(found.fetch.evidence.agent, Agent)
    # A journal takes zeros at the end for what was never written.
    assert octets[-1] != 0


@given(kept=KEPT, cut=st.integers(1, 30))
def test_part_of_a_kept_open_is_none(kept: KeptOpen, cut: int) -> None:
    """What is cut off at the end, or goes on after it, is refused as a whole."""
    octets = encode_open(kept)
    for other in (octets[:-cut], octets + b"x" * cut):
        with pytest.raises(KeptOpenInvalid):
            decode_open(other)


@given(octets=st.binary(max_size=300))
def test_other_octets_are_no_kept_open(octets: bytes) -> None:
    """Octets that hold none are refused with one error, and nothing else."""
    with pytest.raises(KeptOpenInvalid):
        decode_open(octets)


@given(kept=KEPT)
def test_newer_version_is_refused(kept: KeptOpen) -> None:
    """What a newer program kept is not taken for something else."""
    with pytest.raises(KeptOpenInvalid):
        decode_open(b"\x03" + encode_open(kept)[1:])
