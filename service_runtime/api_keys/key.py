"""One API key: what it looks like, and what is kept of it.

A key is `eo_<role>_<ID>_<secret>`.  The first part is for scanners that look for secrets
where none should be, the ID finds the key's record, and the secret has 256 random bits: so
what is kept is its SHA-256, as fast as it is.  Slow functions guard what people think up.
"""

import dataclasses
import datetime as dt
import hashlib
import re
import secrets
from typing import Final

from service_runtime.callers import Caller, Role

PREFIX: Final = "eo"

# 40 bits tell the keys of one file apart; they are no secret.
_ID_OCTETS: Final = 5
_SECRET_OCTETS: Final = 32

_KEY: Final = re.compile(
    rf"{PREFIX}_(?:{'|'.join(Role)})_(?P<id>[0-9a-f]{{10}})_[A-Za-z0-9_-]{{43}}"
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is kept of a key."""

    id: str
    role: Role

    digest: bytes
    """SHA-256 of the whole key, so that what it says of itself is covered, too."""

    configuration_ids: frozenset[str]
    """The configurations that it is limited to; empty: all."""

    create_time: dt.datetime
    expire_time: dt.datetime | None
    """None: never."""

    @property
    def caller(self) -> Caller:
        """Who calls with it."""
        return Caller(
            role=self.role,
            name=self.id,
            configuration_ids=self.configuration_ids,
            key_digest=self.digest,
        )

    def is_expired(self, now: dt.datetime) -> bool:
        """Return whether its time is over."""
        return self.expire_time is not None and self.expire_time <= now


def make_key(
    role: Role,
    *,
    configuration_ids: frozenset[str] = frozenset(),
    now: dt.datetime,
    expire_time: dt.datetime | None = None,
) -> tuple[ApiKey, str]:
    """Return the record of a new key, and the key itself, which is kept nowhere."""
    key_id = secrets.token_hex(_ID_OCTETS)
    text = f"{PREFIX}_{role}_{key_id}_{secrets.token_urlsafe(_SECRET_OCTETS)}"
    key = ApiKey(
        id=key_id,
        role=role,
        digest=digest_of(text),
        configuration_ids=configuration_ids,
        create_time=now,
        expire_time=expire_time,
    )
    return key, text


def digest_of(text: str) -> bytes:
    """Return the SHA-256 of a key."""
    return hashlib.sha256(text.encode()).digest()


def id_in(text: str) -> str | None:
    """Return the ID in a key; None if *text* is not in the form of one."""
    found = _KEY.fullmatch(text)
    return None if found is None else found["id"]
