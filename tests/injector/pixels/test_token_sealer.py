"""The injector's half of the pixel token keeps to the contract, octet by octet."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from injector_service.pixels import MailProvider
from injector_service.pixels.token_payload import NotifiedField, TokenPayload
from injector_service.pixels.token_sealer import TokenSealer, serialize
from injector_service.privacy import PrivacyLevel
from service_runtime.key_ring import KeyRing, generate_key_ring

VECTORS: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "testdata/token_vectors.json").read_text()
)
KEYS: Final = {int(key_id): bytes.fromhex(key) for key_id, key in VECTORS["keys"].items()}
MINIMAL: Final = TokenPayload(
    message_id="m",
    configuration_ids=("a",),
    statistics_configuration_ids=(),
    acceptance_time_us=1,
    privacy_level=PrivacyLevel.FULL,
)


def payload_of(vector: dict[str, Any]) -> TokenPayload:
    given = vector["payload"]
    return TokenPayload(
        message_id=given.get("messageId", ""),
        configuration_ids=tuple(given.get("configurationIds", ())),
        statistics_configuration_ids=tuple(given.get("statisticsConfigurationIds", ())),
        acceptance_time_us=int(given["acceptanceTimeUs"]),
        privacy_level=PrivacyLevel[given["privacyLevel"].removeprefix("PRIVACY_LEVEL_")],
        identity_id=given.get("identityId", ""),
        from_mailboxes=tuple(given.get("fromMailboxes", ())),
        to_mailboxes=tuple(given.get("toMailboxes", ())),
        date=given.get("date", ""),
        subject=given.get("subject", ""),
        header_message_id=given.get("headerMessageId", ""),
        tags=tuple((tag["key"], tag["value"]) for tag in given.get("tags", ())),
        notified_fields=tuple(
            NotifiedField(name=field["name"], value=field["value"])
            for field in given.get("notifiedFields", ())
        ),
        headers_truncated=given.get("headersTruncated", False),
        recipient=given.get("recipient", ""),
        open_expiry_days=given.get("openExpiryDays", 0),
        mail_provider=MailProvider[
            given.get("mailProvider", "MAIL_PROVIDER_UNSPECIFIED").removeprefix("MAIL_PROVIDER_")
        ],
    )


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda vector: vector["name"])
def test_minting_reproduces_the_vectors(vector: dict[str, Any]) -> None:
    """Plaintext and token are those of the contract's test vectors."""
    sealer = TokenSealer(KeyRing(active_key_id=vector["key_id"], keys=KEYS))
    payload = payload_of(vector)

    assert vector["plaintext"] == serialize(payload).hex()
    assert vector["token"] == sealer.mint(serialize(payload))


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda vector: vector["name"])
def test_tokens_of_every_key_are_own(vector: dict[str, Any]) -> None:
    """A token is recognised whichever key of the ring minted it."""
    sealer = TokenSealer(KeyRing(active_key_id=1, keys=KEYS))

    assert sealer.owns(vector["token"])


@pytest.mark.parametrize("vector", VECTORS["invalid"], ids=lambda vector: vector["name"])
def test_invalid_tokens_are_not_own(vector: dict[str, str]) -> None:
    """Nothing but a token exactly as minted is recognised."""
    sealer = TokenSealer(KeyRing(active_key_id=1, keys=KEYS))

    assert not sealer.owns(vector["token"])


def test_a_foreign_ring_owns_none_of_our_tokens() -> None:
    """A token of other keys is foreign, even under a key ID that we have."""
    token = TokenSealer(generate_key_ring()).mint(serialize(MINIMAL))

    assert not TokenSealer(generate_key_ring()).owns(token)


def test_the_same_payload_gives_the_same_token_under_one_key_only() -> None:
    """Minting is deterministic; a rotated ring mints differently and still owns the old token."""
    ring = generate_key_ring()
    old = TokenSealer(ring)
    new = TokenSealer(ring.rotated())

    assert old.mint(serialize(MINIMAL)) == old.mint(serialize(MINIMAL))
    assert old.mint(serialize(MINIMAL)) != new.mint(serialize(MINIMAL))
    assert new.owns(old.mint(serialize(MINIMAL)))


def test_a_token_that_is_too_long_is_not_minted() -> None:
    """No token has more than 1,950 characters."""
    sealer = TokenSealer(generate_key_ring())
    payload = TokenPayload(
        message_id="m" * 1_500,
        configuration_ids=("a",),
        statistics_configuration_ids=(),
        acceptance_time_us=1,
        privacy_level=PrivacyLevel.FULL,
    )

    with pytest.raises(ValueError, match="too long"):
        sealer.mint(serialize(payload))
