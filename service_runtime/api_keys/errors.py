"""Why a call is refused that has no right to be made.

* Unauthenticated
  - ApiKeyMissing   the metadata hold no key
  - ApiKeyInvalid   there is no such key, or no longer
  - ApiKeyExpired   the key's time is over
  - CertificateUnknown  there is no key, and the certificate's name is nobody's
* RoleNotAllowed    the caller is known, and this call is not for its role
"""

import datetime as dt

from service_runtime.callers import Caller
from service_runtime.errors import ServiceError


class Unauthenticated(ServiceError):
    """Nobody knows who calls."""


class ApiKeyMissing(Unauthenticated):
    """The metadata hold no key."""

    reason = "API_KEY_MISSING"

    def __init__(self) -> None:
        super().__init__("the metadata have no `authorization: Bearer <API key>`")


class ApiKeyInvalid(Unauthenticated):
    """There is no such key, or no longer."""

    reason = "API_KEY_INVALID"

    def __init__(self) -> None:
        super().__init__("the API key is none of this service, or was revoked")


class ApiKeyExpired(Unauthenticated):
    """The key's time is over.  Said only to whoever has the key."""

    reason = "API_KEY_EXPIRED"

    def __init__(self, *, key_id: str, expire_time: dt.datetime) -> None:
        text = expire_time.isoformat(timespec="seconds")
        super().__init__(
            f"the API key {key_id} has expired at {text}",
            metadata={"key_id": key_id, "expire_time": text},
        )


class CertificateUnknown(Unauthenticated):
    """There is no key, and the name in the client's certificate is nobody's."""

    reason = "CERTIFICATE_UNKNOWN"

    def __init__(self) -> None:
        super().__init__(
            "the metadata have no API key, and the client's certificate no name that is a caller's"
        )


class RoleNotAllowed(ServiceError):
    """The caller is known, and this call is not for its role."""

    reason = "ROLE_NOT_ALLOWED"

    def __init__(self, caller: Caller, method: str) -> None:
        super().__init__(
            f"{method} is not for the role {caller.role} of {caller.name}",
            metadata={"role": caller.role, "caller": caller.name, "method": method},
        )
