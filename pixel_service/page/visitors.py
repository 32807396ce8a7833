"""Who looks at the page: whoever shows a key that the service takes, or everybody."""

import dataclasses
import hashlib
import re
from typing import Final, Protocol

import grpc
import htpy as h
from aiohttp import web

from emailopens.pixel.v1 import subscription_service_pb2 as pb
from emailopens.pixel.v1 import subscription_service_pb2_grpc as pb_grpc
from emailopens_client.channels import keyed
from pixel_service.page.answers import see
from pixel_service.page.sessions import LENGTH, Session, Sessions
from pixel_service.page.visit import Visit
from service_runtime.callers import Role

LOGIN: Final = "/login"
LOGOUT: Final = "/logout"

_KEY: Final = re.compile(r"eo_([a-z]{1,20})_[0-9a-z]{1,40}_[A-Za-z0-9_-]{1,100}")

# Nothing to be asked takes longer.
_SECONDS: Final = 10


class Visitors(Protocol):
    """Knows who looks."""

    def visit_of(self, request: web.Request) -> Visit:
        """Return whose look *request* is.

        Raises:
            web.HTTPException: nobody's; it leads to where somebody can say so.
        """

    def account_of(self, request: web.Request) -> h.Node:
        """Return who looks and how to leave; None where nobody is asked."""

    def refuse(self, request: web.Request, response: web.StreamResponse) -> None:
        """Take it that the service no longer takes the key of whoever looks."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Everybody:
    """Lets everybody look who gets there, as the service does without keys."""

    visit: Visit

    def visit_of(self, _: web.Request) -> Visit:
        """Return the one look that there is."""
        return self.visit

    def account_of(self, _: web.Request) -> h.Node:
        """Return that nobody is asked."""
        return None

    def refuse(self, request: web.Request, response: web.StreamResponse) -> None:
        """Do nothing: there is no key."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KeyHolders:
    """Lets those look who have logged in with an API key, as far as it goes."""

    channel: grpc.aio.Channel
    injector: grpc.aio.Channel | None = None
    has_tls: bool
    sessions: Sessions = dataclasses.field(default_factory=Sessions)

    def visit_of(self, request: web.Request) -> Visit:
        """Return the look of whoever has logged in; see `Visitors`."""
        session = self._session_of(request)
        if session is None:
            raise web.HTTPSeeOther(LOGIN)
        return self._visit(session.api_key)

    def account_of(self, request: web.Request) -> h.Node:
        """Return the role of whoever looks, and how to log out."""
        session = self._session_of(request)
        if session is None:
            return None
        return [
            h.span[f"Role: {role_of(session.api_key)}"],
            h.form(method="post", action=LOGOUT)[h.button(".quiet", type="submit")["Log out"]],
        ]

    def refuse(self, request: web.Request, response: web.StreamResponse) -> None:
        """End the session of whoever looks."""
        self.sessions.end(request.cookies.get(self._cookie, ""))
        response.del_cookie(self._cookie, secure=self.has_tls, httponly=True, samesite="Strict")

    async def begin(self, api_key: str) -> web.Response:
        """Log somebody in, and return the answer that leads on.

        Raises:
            grpc.aio.AioRpcError: the service does not take the key, or not for looking.
        """
        # A call that all may make who may look at anything.
        stub = pb_grpc.SubscriptionServiceStub(self._visit(api_key).channel)
        await stub.ListSubscriptions(pb.ListSubscriptionsRequest(page_size=1), timeout=_SECONDS)
        response = see("/")
        response.set_cookie(
            self._cookie,
            self.sessions.begin(api_key),
            max_age=int(LENGTH.total_seconds()),
            secure=self.has_tls,
            httponly=True,
            samesite="Strict",
        )
        return response

    @property
    def _cookie(self) -> str:
        # With the prefix, browsers take it from nobody but this very host, and by TLS.
        return "__Host-emailopens" if self.has_tls else "emailopens"

    def _session_of(self, request: web.Request) -> Session | None:
        return self.sessions.get(request.cookies.get(self._cookie, ""))

    def _visit(self, api_key: str) -> Visit:
        return Visit(
            channel=keyed(self.channel, api_key),
            injector=None if self.injector is None else keyed(self.injector, api_key),
            role=role_of(api_key),
            viewer=hashlib.sha256(api_key.encode()).hexdigest(),
        )


def role_of(api_key: str) -> Role | None:
    """Return the role that a key says it is of; None if it is no key.

    The service does not believe it: it only says which buttons are shown.
    """
    found = _KEY.fullmatch(api_key)
    return Role(found[1]) if found is not None and found[1] in set(Role) else None
