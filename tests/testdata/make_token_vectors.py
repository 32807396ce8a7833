"""Makes `token_vectors.json`, the test vectors of `emailopens/token/v1/pixel_token.proto`.

    python tests/testdata/make_token_vectors.py > tests/testdata/token_vectors.json

It follows the comments of the contract with nothing of ours: fields are written
octet by octet here, not by protobuf and not by the services' code.  Run it only to
add vectors; those that stand must come out as before, because mail with their
tokens is out in the world.
"""

import base64
import json
import sys
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESSIV

TOKEN_PURPOSE: Final = b"emailopens.token.v1.pixel"

# Not secret: keys for tests alone.
KEYS: Final = {1: bytes(range(64)), 7: bytes(range(64, 128)), 255: bytes(range(128, 192))}

LEVELS: Final = {
    "PRIVACY_LEVEL_FULL": 1,
    "PRIVACY_LEVEL_MASKED": 2,
    "PRIVACY_LEVEL_PSEUDONYMOUS": 3,
    "PRIVACY_LEVEL_ANONYMOUS": 4,
}

PROVIDERS: Final = {"MAIL_PROVIDER_PROOFPOINT": 6}

FULL: Final[dict[str, Any]] = {
    "messageId": "Zk3vQ1x9RrmT0aYwUe5HcA",
    "configurationIds": ["newsletter", "audit"],
    "statisticsConfigurationIds": ["all-mail"],
    "acceptanceTimeUs": "1714057684933666",
    "privacyLevel": "PRIVACY_LEVEL_FULL",
    "identityId": "news@example.com",
    "fromMailboxes": ["Example News <news@example.com>"],
    "toMailboxes": ["=?utf-8?q?J=C3=B6rg?= <joerg@example.org>"],
    "date": "Thu, 25 Apr 2024 18:08:04 +0300",
    "subject": "=?utf-8?q?Gr=C3=BC=C3=9Fe?= from us",
    "headerMessageId": "<20240425150804.1@example.com>",
    "tags": [{"key": "campaign", "value": "spring"}, {"key": "step", "value": "2"}],
    "notifiedFields": [{"name": "X-Campaign", "value": "spring 2024"}],
}

VALID: Final[list[tuple[str, int, dict[str, Any]]]] = [
    ("everything", 1, FULL),
    (
        "minimal",
        1,
        {
            "messageId": "m",
            "configurationIds": ["a"],
            "acceptanceTimeUs": "1",
            "privacyLevel": "PRIVACY_LEVEL_FULL",
        },
    ),
    ("another key", 7, FULL),
    ("the largest key ID", 255, FULL),
    ("masked", 1, {**FULL, "privacyLevel": "PRIVACY_LEVEL_MASKED"}),
    (
        "pseudonymous",
        1,
        {
            "messageId": "Zk3vQ1x9RrmT0aYwUe5HcA",
            "configurationIds": ["newsletter"],
            "acceptanceTimeUs": "1714057684933666",
            "privacyLevel": "PRIVACY_LEVEL_PSEUDONYMOUS",
            "tags": [{"key": "campaign", "value": "spring"}],
        },
    ),
    (
        "anonymous: the configuration and the day",
        1,
        {
            "configurationIds": ["newsletter"],
            "acceptanceTimeUs": "1714003200000000",
            "privacyLevel": "PRIVACY_LEVEL_ANONYMOUS",
        },
    ),
    (
        "statistics only",
        1,
        {
            "messageId": "m-2",
            "statisticsConfigurationIds": ["all-mail"],
            "acceptanceTimeUs": "1714057684933666",
            "privacyLevel": "PRIVACY_LEVEL_FULL",
        },
    ),
    (
        "text beyond ASCII, lengths of two octets",
        1,
        {
            "messageId": "m-3",
            "configurationIds": ["a"],
            "acceptanceTimeUs": "1714057684933666",
            "privacyLevel": "PRIVACY_LEVEL_FULL",
            "subject": "Привет, 世界 🎉 " * 12,
            "tags": [{"key": "ort", "value": "Zürich"}],
            "headersTruncated": True,
        },
    ),
    (
        "a blind-copied recipient",
        1,
        {**FULL, "headersTruncated": True, "recipient": "blind@example.org"},
    ),
    ("opens for 90 days", 1, {**FULL, "openExpiryDays": 90}),
    ("behind Proofpoint", 1, {**FULL, "mailProvider": "MAIL_PROVIDER_PROOFPOINT"}),
    (
        "before 1970",
        1,
        {
            "messageId": "m-4",
            "configurationIds": ["a"],
            "acceptanceTimeUs": "-1",
            "privacyLevel": "PRIVACY_LEVEL_FULL",
        },
    ),
]


def varint(number: int) -> bytes:
    """Return a base-128 varint; negative numbers as 64 bits of two's complement."""
    number &= (1 << 64) - 1
    octets = bytearray()
    while number >= 128:
        octets.append(number & 127 | 128)
        number >>= 7
    return bytes([*octets, number])


def octets_field(number: int, value: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(value)) + value


def text_field(number: int, value: str) -> bytes:
    return octets_field(number, value.encode()) if value else b""


def pair(first: str, second: str) -> bytes:
    return text_field(1, first) + text_field(2, second)


def serialize(payload: dict[str, Any]) -> bytes:
    """Return the plaintext: fields in the order of their numbers, empty ones left out."""
    time_us = int(payload["acceptanceTimeUs"])
    return b"".join(
        [
            text_field(1, payload.get("messageId", "")),
            *(text_field(2, each) for each in payload.get("configurationIds", [])),
            *(text_field(3, each) for each in payload.get("statisticsConfigurationIds", [])),
            varint(4 << 3) + varint(time_us) if time_us else b"",
            varint(5 << 3) + varint(LEVELS[payload["privacyLevel"]]),
            text_field(6, payload.get("identityId", "")),
            *(text_field(7, each) for each in payload.get("fromMailboxes", [])),
            *(text_field(8, each) for each in payload.get("toMailboxes", [])),
            text_field(9, payload.get("date", "")),
            text_field(10, payload.get("subject", "")),
            text_field(11, payload.get("headerMessageId", "")),
            *(
                octets_field(12, pair(each["key"], each["value"]))
                for each in payload.get("tags", [])
            ),
            *(
                octets_field(13, pair(each["name"], each["value"]))
                for each in payload.get("notifiedFields", [])
            ),
            varint(14 << 3) + varint(1) if payload.get("headersTruncated") else b"",
            text_field(15, payload.get("recipient", "")),
            varint(16 << 3) + varint(days) if (days := payload.get("openExpiryDays", 0)) else b"",
            varint(17 << 3) + varint(PROVIDERS[name])
            if (name := payload.get("mailProvider"))
            else b"",
        ]
    )


def text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def seal(
    plaintext: bytes,
    key_id: int = 1,
    *,
    key: bytes | None = None,
    associated: list[bytes] | None = None,
) -> bytes:
    if associated is None:
        associated = [TOKEN_PURPOSE, bytes([key_id])]
    return bytes([key_id]) + AESSIV(key or KEYS[key_id]).encrypt(plaintext, associated)


def valid_vector(name: str, key_id: int, payload: dict[str, Any]) -> dict[str, Any]:
    plaintext = serialize(payload)
    return {
        "name": name,
        "key_id": key_id,
        "payload": payload,
        "plaintext": plaintext.hex(),
        "token": text(seal(plaintext, key_id)),
    }


def flipped(octets: bytes, index: int) -> bytes:
    changed = bytearray(octets)
    changed[index] ^= 1
    return bytes(changed)


def invalid_vectors() -> list[dict[str, str]]:
    """Return tokens that must not open, each for one reason."""
    plaintext = serialize(FULL)
    octets = seal(plaintext)
    token = text(octets)
    # 22 octets: the last character carries two of the last octet's bits and four of none.
    small = text(seal(text_field(1, "mmm")))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    tokens = {
        "empty": "",
        "one character, which is no octet": "A",
        "key ID alone": text(octets[:1]),
        "shorter than key ID and synthetic IV": text(octets[:16]),
        "key ID and synthetic IV of another text, no ciphertext": text(octets[:17]),
        "last octet cut": text(octets[:-1]),
        "an octet appended": text(octets + b"\0"),
        "a bit of the synthetic IV changed": text(flipped(octets, 1)),
        "the last bit of the synthetic IV changed": text(flipped(octets, 16)),
        "the first bit of the ciphertext changed": text(flipped(octets, 17)),
        "the last bit of the ciphertext changed": text(flipped(octets, -1)),
        "key ID 0": text(b"\0" + octets[1:]),
        "a key ID that is not in the ring": text(b"\x02" + octets[1:]),
        "the key ID of another key": text(b"\x07" + octets[1:]),
        "a foreign key under our key ID": text(seal(plaintext, 1, key=bytes(64))),
        "key ID not authenticated": text(seal(plaintext, associated=[TOKEN_PURPOSE])),
        "no domain": text(seal(plaintext, associated=[b"\x01"])),
        "associated data in the wrong order": text(
            seal(plaintext, associated=[b"\x01", TOKEN_PURPOSE])
        ),
        "associated data as one string": text(
            seal(plaintext, associated=[TOKEN_PURPOSE + b"\x01"])
        ),
        "padding": token + "=" * (-len(token) % 4 or 4),
        "the alphabet of plain base64": seal_with_both_marks(),
        "a blank at the start": " " + token,
        "a line break at the end": token + "\n",
        "a character beyond ASCII": token[:-1] + "é",
        "not zero after the last octet": small[:-1] + alphabet[alphabet.index(small[-1]) + 1],
        "sealed, but no serialization": text(seal(b"\xff" * 20)),
        "sealed, but the serialization is cut": text(seal(plaintext[:-1])),
        "sealed, but not UTF-8": text(seal(b"\x0a\x02\xc3\x28")),
        "longer than 1,950 characters": text(seal(text_field(10, "x" * 1_500))),
    }
    return [{"name": name, "token": value} for name, value in tokens.items()]


def seal_with_both_marks() -> str:
    """Return a good token with `-` and `_` written as `+` and `/`."""
    for number in range(1_000):
        token = text(seal(text_field(1, f"m-{number}")))
        if "-" in token and "_" in token:
            return token.replace("-", "+").replace("_", "/")
    raise AssertionError("no such token among a thousand")


def main() -> None:
    """Print the vectors."""
    vectors = {
        "keys": {str(key_id): key.hex() for key_id, key in KEYS.items()},
        "valid": [valid_vector(*each) for each in VALID],
        "invalid": invalid_vectors(),
    }
    json.dump(vectors, sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
