"""Tokens are opened as the shared vectors say."""

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from emailopens.token.v1 import pixel_token_pb2 as pb
from pixel_service.errors import TokenInvalid
from pixel_service.intake import TokenOpener
from service_runtime.key_ring import KeyRing

VECTORS = json.loads(
    (Path(__file__).parents[2] / "testdata/token_vectors.json").read_text(encoding="utf-8")
)
OPENER = TokenOpener(
    KeyRing(
        active_key_id=1,
        keys={int(key_id): bytes.fromhex(key) for key_id, key in VECTORS["keys"].items()},
    )
)


def names(vector: dict[str, Any]) -> str:
    return str(vector["name"])


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=names)
def test_valid_token_opens_to_its_payload(vector: dict[str, Any]) -> None:
    """Every valid vector gives the payload that was sealed."""
    payload, octets = OPENER.unseal(vector["token"])

    assert payload == json_format.ParseDict(vector["payload"], pb.PixelToken())
    assert pb.PixelToken.FromString(octets) == payload


@pytest.mark.parametrize("vector", VECTORS["invalid"], ids=names)
def test_invalid_token_opens_to_nothing(vector: dict[str, Any]) -> None:
    """Every invalid vector has the one result that all of them have."""
    with pytest.raises(TokenInvalid):
        OPENER.unseal(vector["token"])


@given(st.sampled_from(VECTORS["valid"]), st.integers(min_value=0), st.characters())
def test_changed_token_opens_to_nothing(vector: dict[str, Any], place: int, other: str) -> None:
    """Changing any one character makes a token invalid."""
    token = vector["token"]
    index = place % len(token)
    changed = token[:index] + other + token[index + 1 :]
    if changed == token:
        return

    with pytest.raises(TokenInvalid):
        OPENER.unseal(changed)


@given(st.text(max_size=3_000))
def test_any_text_is_answered_or_invalid(text: str) -> None:
    """Nothing that stands in a URL raises anything else."""
    with pytest.raises(TokenInvalid):
        OPENER.unseal(text)
