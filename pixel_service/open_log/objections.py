"""Objections: of whom nothing is recorded any more."""

import dataclasses
import datetime as dt
import enum
import hashlib
from collections.abc import Sequence
from typing import Final, Protocol

from service_runtime.objection_digests import DIGEST_OCTETS, recipient_digest

# Each is 16 octets in the memory of whoever records, with some 60 around them.
MAX_OBJECTIONS: Final = 100_000

KEY_OCTETS: Final = DIGEST_OCTETS

# What becomes of the log's secret for recipients: it is given to injector services, and tells
# nothing of the secret itself, which signs cursors.
_DIGEST_KEY_PERSON: Final = b"objections"
_DIGEST_KEY_OCTETS: Final = 32


class ObjectionSubject(enum.IntEnum):
    """What an objection is about; the numbers are the contract's."""

    RECIPIENT = 1
    MESSAGE = 2


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """That somebody does not want to be tracked."""

    key: bytes
    """Says of whom, to those who know; see `recipient_objection_key`."""

    subject: ObjectionSubject
    create_time: dt.datetime


def recipient_objection_key(address: str, log_key: bytes) -> bytes:
    """Return the key of the objection of the recipient *address*.

    Args:
        address: alone, as `address_of` returns it.
        log_key: the secret of the log, `LogIdentity.cursor_key`.
    """
    return recipient_digest(address, objection_digest_key(log_key))


def objection_digest_key(log_key: bytes) -> bytes:
    """Return the key of the recipients' digests, made of the secret of the log."""
    return hashlib.blake2b(
        key=log_key, person=_DIGEST_KEY_PERSON, digest_size=_DIGEST_KEY_OCTETS
    ).digest()


def message_objection_key(message_key: bytes, log_key: bytes) -> bytes:
    """Return the key of an objection to the message of *message_key*."""
    return hashlib.blake2b(
        message_key, key=log_key, person=b"message", digest_size=KEY_OCTETS
    ).digest()


class ObjectionStore(Protocol):
    """Where objections are kept: beside the opens, in the same database.

    Every change is durable when the call returns.  Every call may raise
    `LogUnavailable`; nothing has changed then, as far as is known.
    """

    async def create(self, key: bytes, subject: ObjectionSubject) -> Objection:
        """Keep an objection; return that which is there, if there is one.

        Raises:
            ObjectionQuota: there are as many as there may be.
        """

    async def get(self, key: bytes) -> Objection:
        """Return an objection.

        Raises:
            ObjectionNotFound: there is none of this key.
        """

    async def page(self, *, after_key: bytes, limit: int) -> Sequence[Objection]:
        """Return up to *limit* objections whose key sorts after *after_key*, by key."""

    async def delete(self, key: bytes) -> None:
        """Withdraw an objection.

        Raises:
            ObjectionNotFound: there is none of this key.
        """

    async def keys(
        self, *, unless_change: int | None, subject: ObjectionSubject | None = None
    ) -> "ObjectionKeys | None":
        """Return the keys of all; None if *unless_change* is still the last change of them.

        With a *subject* those of its objections alone.
        """


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ObjectionKeys:
    """The keys of all objections at a time."""

    keys: frozenset[bytes]
    change: int
    """Which change was the last one.  Each has its own number, drawn at random: counted ones
    would come again after the database was set back to an earlier state."""
