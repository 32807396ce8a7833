"""Seals what the pixel service must know of a message into a token (the `mint` half).

The octets are specified in `emailopens/token/v1/pixel_token.proto`; the pixel
service has the other half, and `tests/testdata/token_vectors.json` holds the two
together.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from google.protobuf.message import DecodeError

from emailopens.notification.v1 import privacy_level_pb2
from emailopens.token.v1 import pixel_token_pb2 as pb
from injector_service.pixels.header_facts import HeaderFacts
from injector_service.pixels.mail_providers import MailProvider
from injector_service.pixels.token_payload import NotifiedField, TokenPayload
from service_runtime import base64url
from service_runtime.key_ring import KeyRing

# Keeps a token apart from anything else that may ever be sealed with the key.
TOKEN_PURPOSE: Final = b"emailopens.token.v1.pixel"

# One octet of key ID, 16 of synthetic IV (RFC 5297 section 2.6).
OVERHEAD_OCTETS: Final = 17

# A URL of at most 2,000 characters, of which a base URL usually takes up to 40.
MAX_TOKEN_CHARACTERS: Final = 1_950


class TokenSealer:
    """Mints tokens with the active key of a ring, and knows those of any of its keys."""

    def __init__(self, key_ring: KeyRing) -> None:
        # The key schedule costs as much as sealing a token, so each is made once.
        self._ciphers = {key_id: AESSIV(key) for key_id, key in key_ring.keys.items()}
        self._active_key_id = key_ring.active_key_id

    def mint(self, plaintext: bytes) -> str:
        """Return the token for a serialized payload: the same one for the same octets and key.

        Raises:
            ValueError: the token would be longer than 1,950 characters.
        """
        key_id = bytes([self._active_key_id])
        sealed = self._ciphers[self._active_key_id].encrypt(plaintext, [TOKEN_PURPOSE, key_id])
        token = base64url.encode(key_id + sealed)
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise ValueError(f"a token of {len(token)} characters is too long")
        return token

    def owns(self, token: str) -> bool:
        """Say whether *token* was minted with a key of the ring, by whomever has it."""
        octets = base64url.decode(token) if len(token) <= MAX_TOKEN_CHARACTERS else None
        if octets is None or len(octets) < OVERHEAD_OCTETS:
            return False
        cipher = self._ciphers.get(octets[0])
        if cipher is None:
            return False
        try:
            plaintext = cipher.decrypt(octets[1:], [TOKEN_PURPOSE, octets[:1]])
        except InvalidTag:
            return False
        return _is_serialization(plaintext)


class Plaintexts:
    """The plaintexts of tokens whose payloads differ only in what copies differ in."""

    __slots__ = ("_message", "_tags")

    def __init__(self, message: pb.PixelToken) -> None:
        self._message = message
        self._tags: Mapping[str, str] = {}

    @classmethod
    def of_payload(cls, payload: TokenPayload) -> Self:
        """Return those of *payload*, which has no tags."""
        return cls(_message_of(payload))

    def with_header(self, facts: HeaderFacts) -> Self:
        """Return those of the same payload with what the header says."""
        message = pb.PixelToken()
        message.CopyFrom(self._message)
        message.ClearField("tags")
        _add_header(message, facts)
        return type(self)(message)

    def of(
        self,
        message_id: str,
        recipient: str,
        tags: Mapping[str, str],
        mail_provider: MailProvider,
    ) -> bytes:
        """Return the plaintext of the payload with these."""
        message = self._message
        message.message_id = message_id
        message.recipient = recipient
        message.mail_provider = pb.MailProvider.ValueType(mail_provider)
        if tags is not self._tags and (tags or self._tags):
            self._tags = tags
            message.ClearField("tags")
            message.tags.extend(_tags(sorted(tags.items())))
        return message.SerializeToString(deterministic=True)


def serialize(payload: TokenPayload) -> bytes:
    """Return the plaintext of the token for *payload*."""
    return _message_of(payload).SerializeToString(deterministic=True)


def _message_of(payload: TokenPayload) -> pb.PixelToken:
    message = pb.PixelToken()
    # One by one: by their names in one call takes three times as long.
    message.message_id = payload.message_id
    message.configuration_ids.extend(payload.configuration_ids)
    message.statistics_configuration_ids.extend(payload.statistics_configuration_ids)
    message.acceptance_time_us = payload.acceptance_time_us
    message.privacy_level = privacy_level_pb2.PrivacyLevel.ValueType(payload.privacy_level)
    _add_header(message, payload)
    message.tags.extend(_tags(payload.tags))
    message.headers_truncated = payload.headers_truncated
    message.recipient = payload.recipient
    message.open_expiry_days = payload.open_expiry_days
    message.mail_provider = pb.MailProvider.ValueType(payload.mail_provider)
    return message


def _add_header(message: pb.PixelToken, facts: HeaderFacts | TokenPayload) -> None:
    message.identity_id = facts.identity_id
    message.from_mailboxes.extend(facts.from_mailboxes)
    message.to_mailboxes.extend(facts.to_mailboxes)
    message.date = facts.date
    message.subject = facts.subject
    message.header_message_id = facts.header_message_id
    if facts.notified_fields:
        message.notified_fields.extend(_notified_fields(facts.notified_fields))


def _notified_fields(fields: Iterable[NotifiedField]) -> list[pb.PixelToken.NotifiedField]:
    return [pb.PixelToken.NotifiedField(name=field.name, value=field.value) for field in fields]


def _tags(tags: Iterable[tuple[str, str]]) -> list[pb.PixelToken.Tag]:
    return [pb.PixelToken.Tag(key=key, value=value) for key, value in tags]


def _is_serialization(plaintext: bytes) -> bool:
    try:
        pb.PixelToken.FromString(plaintext)
    except DecodeError:
        return False
    return True
