"""The key ring: the secrets that both services are given by their operator.

A key ring is text, one key a line, `<key ID>:<base64url of 64 octets>`; blank
lines and lines that start with `#` do not count.  The last key mints; all keys
open.  So a key is added by appending a line, and old mail keeps working for as
long as its line stays.
"""

import base64
import binascii
import contextlib
import dataclasses
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from service_runtime.private_files import (
    PrivateFileError,
    read_private_file,
    write_private_file,
)

# AES-SIV with AES-256 takes two keys of 32 octets (RFC 5297 section 2.2).
KEY_OCTETS: Final = 64

# The key ID is one octet of every token; 0 stays unused so that a token of zeros
# names no key.
MAX_KEY_ID: Final = 255

# Its name in a data folder that both services share.
KEY_RING_FILE: Final = "token_keys"

# 255 keys with a comment line each; more is not a key ring.
MAX_KEY_RING_OCTETS: Final = 64 * 1024


class KeyRingError(Exception):
    """The key ring cannot be used.  The text says why, and never holds a key."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """Keys by their ID, and which one mints.  Does not print its keys."""

    active_key_id: int
    keys: Mapping[int, bytes] = dataclasses.field(repr=False)

    def __post_init__(self) -> None:
        for key_id, key in self.keys.items():
            if not 1 <= key_id <= MAX_KEY_ID:
                raise KeyRingError(f"key ID {key_id} is not between 1 and {MAX_KEY_ID}")
            if len(key) != KEY_OCTETS:
                raise KeyRingError(f"key {key_id} has {len(key)} octets instead of {KEY_OCTETS}")
        if self.active_key_id not in self.keys:
            raise KeyRingError(f"there is no key {self.active_key_id}")

    @property
    def active_key(self) -> bytes:
        """The key that mints."""
        return self.keys[self.active_key_id]

    def rotated(self) -> Self:
        """Return the ring with a fresh key that mints from now on.

        Raises:
            KeyRingError: all 255 key IDs are used.
        """
        key_id = max(self.keys, default=0) + 1
        if key_id > MAX_KEY_ID:
            free = sorted(set(range(1, MAX_KEY_ID + 1)) - self.keys.keys())
            if not free:
                raise KeyRingError(f"all {MAX_KEY_ID} key IDs are used; remove the oldest keys")
            key_id = free[0]
        return dataclasses.replace(
            self, active_key_id=key_id, keys={**self.keys, key_id: secrets.token_bytes(KEY_OCTETS)}
        )


def generate_key_ring() -> KeyRing:
    """Return a ring with one fresh key."""
    return KeyRing(active_key_id=1, keys={1: secrets.token_bytes(KEY_OCTETS)})


def format_key_ring(ring: KeyRing) -> str:
    """Return the text of *ring*, the minting key last."""
    others = [key_id for key_id in ring.keys if key_id != ring.active_key_id]
    return "".join(
        f"{key_id}:{base64.urlsafe_b64encode(ring.keys[key_id]).decode()}\n"
        for key_id in (*others, ring.active_key_id)
    )


def parse_key_ring(text: str) -> KeyRing:
    """Return the ring that *text* describes.

    Raises:
        KeyRingError: a line is not a key, an ID is listed twice, or there is no key.
    """
    keys: dict[int, bytes] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        key_id, key = _parse_line(stripped, number)
        if key_id in keys:
            raise KeyRingError(f"line {number}: key ID {key_id} is listed twice")
        if len(key) == KEY_OCTETS and len(set(key)) == 1:
            # Such as the zeros of /dev/zero, or of a variable that nobody has set.
            raise KeyRingError(f"line {number}: key {key_id} is one octet over and over")
        keys[key_id] = key
    if not keys:
        raise KeyRingError("there is no key")
    return KeyRing(active_key_id=list(keys)[-1], keys=keys)


def _parse_line(line: str, number: int) -> tuple[int, bytes]:
    identifier, _, encoded = line.partition(":")
    try:
        # Padding may be missing: editors and shells like to eat it.
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        return int(identifier), key
    except (ValueError, binascii.Error):
        # Not the cause, because its text may quote the line.
        raise KeyRingError(f"line {number} is not `<key ID>:<base64url>`") from None


def read_key_ring(path: Path) -> KeyRing:
    """Return the ring in the file *path*.

    Raises:
        KeyRingError: the file is missing, unreadable, open to others, too large or no key ring.
    """
    try:
        text = read_private_file(path, max_octets=MAX_KEY_RING_OCTETS).decode()
    except PrivateFileError as error:
        raise KeyRingError(str(error)) from error
    except UnicodeDecodeError:
        raise KeyRingError(f"{path}: not text") from None
    try:
        return parse_key_ring(text)
    except KeyRingError as error:
        raise KeyRingError(f"{path}: {error}") from None


def write_key_ring(path: Path, ring: KeyRing, *, replace: bool = False) -> None:
    """Write *ring* to *path*, readable by its owner alone (mode 0600).

    The file appears whole or not at all, also when two processes write at once.

    Raises:
        KeyRingError: the file exists and *replace* is false, or cannot be written.
    """
    try:
        write_private_file(path, format_key_ring(ring).encode(), replace=replace)
    except FileExistsError:
        raise KeyRingError(f"{path}: already exists") from None
    except OSError as error:
        raise KeyRingError(f"{path}: {error.strerror}") from error


def read_or_create_key_ring(path: Path) -> KeyRing:
    """Return the ring in *path*; make a fresh one there first if there is none.

    Safe when both services do so at the same moment: one file wins, both read it.
    """
    if not path.exists():
        with contextlib.suppress(KeyRingError):
            write_key_ring(path, generate_key_ring())
    return read_key_ring(path)


def load_key_ring(*, text: str | None, file: Path | None, default: Path) -> KeyRing:
    """Return the ring that an operator gives as *text* or in *file*.

    Without either, that of the file *default*, which is made if it is missing.

    Raises:
        KeyRingError: both are given, or the ring cannot be read.
    """
    if text is not None and file is not None:
        raise KeyRingError("give the token keys or their file, not both")
    if text is not None:
        return parse_key_ring(text)
    if file is not None:
        return read_key_ring(file)
    return read_or_create_key_ring(default)
