"""Whoever looks at a page, and what they may call."""

import dataclasses

import grpc

from service_runtime.callers import Role
from service_runtime.permissions import roles_of


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A look at a page."""

    channel: grpc.aio.Channel
    """To the pixel service; sends the key of whoever looks with each call."""

    injector: grpc.aio.Channel | None = None
    """To an injector service, likewise; None: none is named."""

    role: Role | None = None
    """The role of whoever looks; None: nobody is asked for a key, and all may do all."""

    viewer: str = ""
    """Who looks, as far as it matters for what they see: the same for the same key."""

    def may(self, method: str) -> bool:
        """Return whether whoever looks may call *method* of the pixel service.

        Only says which buttons to show: the service itself refuses what is not allowed.
        """
        return self.role is None or self.role in roles_of(f"emailopens.pixel.v1.{method}")
