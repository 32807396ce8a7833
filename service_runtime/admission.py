"""Who may make which call, and until when."""

import contextlib
from collections.abc import AsyncIterator

from service_runtime.api_keys import ApiKeys, Metadata, RoleNotAllowed
from service_runtime.callers import ANYBODY, Caller
from service_runtime.permissions import roles_of


class Admission:
    """Admits calls by API keys; without keys, every call."""

    def __init__(self, keys: ApiKeys | None = None) -> None:
        self._keys = keys

    @contextlib.asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """See changes of the keys beside the block."""
        if self._keys is None:
            yield
            return
        async with self._keys.followed():
            yield

    def caller_of(self, method: str, metadata: Metadata) -> Caller:
        """Return who calls *method*, as `<service>/<RPC>`.

        Raises:
            Unauthenticated: nobody knows.
            RoleNotAllowed: the call is not for the caller's role.
        """
        if self._keys is None:
            return ANYBODY
        caller = self._keys.caller_in(metadata)
        if caller.role not in roles_of(method):
            raise RoleNotAllowed(caller, method)
        return caller

    @contextlib.asynccontextmanager
    async def while_admitted(self, caller: Caller) -> AsyncIterator[None]:
        """Interrupt the block when *caller* may no longer call.

        Raises:
            Unauthenticated: it was interrupted.
        """
        if self._keys is None:
            yield
            return
        async with self._keys.while_valid(caller):
            yield


# Of calls that are everybody's, such as those for health.
OPEN_TO_ALL = Admission()
