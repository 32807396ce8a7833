"""Who may make which call, and until when."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Final

from service_runtime.admin_server import Condition
from service_runtime.api_keys import ApiKeys, CertificateUnknown, Metadata, RoleNotAllowed
from service_runtime.callers import ANYBODY, Caller
from service_runtime.permissions import roles_of

# Stands for every name in a certificate that is not listed.
ANY_NAME: Final = "*"


class Admission:
    """Admits calls by API keys, or by the names in clients' certificates; without, every call.

    A key says more than a certificate: who shows both is the key's caller.
    """

    def __init__(
        self, keys: ApiKeys | None = None, *, client_roles: Mapping[str, Caller] | None = None
    ) -> None:
        self._keys = keys
        self._client_roles = client_roles or {}

    def conditions(self) -> list[Condition]:
        """Return what should hold for callers to be who they are."""
        if self._keys is None:
            return []
        return [
            # Not a reason to stop: those who could call still can.
            Condition(
                name="API keys are current",
                holds=self._keys.is_current,
                detail="" if self._keys.is_current else "(their file cannot be read)",
                is_required=False,
            )
        ]

    @contextlib.asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """See changes of the keys beside the block."""
        if self._keys is None:
            yield
            return
        async with self._keys.followed():
            yield

    def caller_of(self, method: str, metadata: Metadata) -> Caller | None:
        """Return who calls *method*, as `<service>/<RPC>`; None if the certificate will say.

        Raises:
            Unauthenticated: nobody knows.
            RoleNotAllowed: the call is not for the caller's role.
        """
        if self._client_roles and not (self._keys is not None and _has_key(metadata)):
            return None
        if self._keys is None:
            return ANYBODY
        return _allowed(self._keys.caller_in(metadata), method)

    def caller_named(self, method: str, names: Iterable[bytes] | None) -> Caller:
        """Return who calls *method* with a certificate that has *names*.

        Raises:
            Unauthenticated, RoleNotAllowed: as above.
        """
        texts = [name.decode("utf-8", "replace") for name in names or ()]
        for text in texts:
            caller = self._client_roles.get(text)
            if caller is not None and text != ANY_NAME:
                return _allowed(caller, method)
        other = self._client_roles.get(ANY_NAME)
        if other is None or not texts:
            raise CertificateUnknown
        return _allowed(dataclasses.replace(other, name=texts[0]), method)

    @contextlib.asynccontextmanager
    async def while_admitted(self, caller: Caller) -> AsyncIterator[None]:
        """Interrupt the block when *caller* may no longer call.

        Raises:
            Unauthenticated: it was interrupted.
        """
        if self._keys is None or caller.has_certificate:
            yield
            return
        async with self._keys.while_valid(caller):
            yield


def _has_key(metadata: Metadata) -> bool:
    return any(name == "authorization" for name, _ in metadata)


def _allowed(caller: Caller, method: str) -> Caller:
    if caller.role not in roles_of(method):
        raise RoleNotAllowed(caller, method)
    return caller


# Of calls that are everybody's, such as those for health.
OPEN_TO_ALL = Admission()
