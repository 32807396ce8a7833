"""Who looks at the page: whoever shows a key that the service takes, or everybody."""

import dataclasses
import hashlib
import re
from collections.abc import Sequence
from typing import Final, Protocol

import grpc
import htpy as h
from aiohttp import hdrs, web

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

_COOKIE: Final = "emailopens"
# With the prefix, browsers take it from nobody but this very host, and by TLS.
_SECURE_COOKIE: Final = "__Host-emailopens"

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
        for name in _cookies_of(request):
            self.sessions.end(request.cookies[name])
            response.del_cookie(
                name, secure=name == _SECURE_COOKIE, httponly=True, samesite="Strict"
            )

    async def begin(self, request: web.Request, api_key: str) -> web.Response:
        """Log somebody in, and return the answer that leads on.

        What they were logged in as until then ends.

        Raises:
            grpc.aio.AioRpcError: the service does not take the key, or not for looking.
        """
        # A call that all may make who may look at anything.
        stub = pb_grpc.SubscriptionServiceStub(self._visit(api_key).channel)
        await stub.ListSubscriptions(pb.ListSubscriptionsRequest(page_size=1), timeout=_SECONDS)
        response = see("/")
        self.refuse(request, response)
        # Also where a proxy in front has ended TLS: the browser says how it came.
        is_secure = request.secure or request.headers.get(hdrs.ORIGIN, "").startswith("https:")
        response.set_cookie(
            _SECURE_COOKIE if is_secure else _COOKIE,
            self.sessions.begin(api_key),
            max_age=int(LENGTH.total_seconds()),
            secure=is_secure,
            httponly=True,
            samesite="Strict",
        )
        return response

    def _session_of(self, request: web.Request) -> Session | None:
        found = (self.sessions.get(request.cookies[name]) for name in _cookies_of(request))
        return next((session for session in found if session is not None), None)

    def _visit(self, api_key: str) -> Visit:
        return Visit(
            channel=keyed(self.channel, api_key),
            injector=None if self.injector is None else keyed(self.injector, api_key),
            role=role_of(api_key),
            viewer=hashlib.sha256(api_key.encode()).hexdigest(),
        )


def _cookies_of(request: web.Request) -> Sequence[str]:
    """Return the names of the cookies of *request* that may be of a session."""
    names = [_SECURE_COOKIE] if request.secure else [_SECURE_COOKIE, _COOKIE]
    return [name for name in names if name in request.cookies]


def role_of(api_key: str) -> Role | None:
    """Return the role that a key says it is of; None if it is no key.

    The service does not believe it: it only says which buttons are shown.
    """
    found = _KEY.fullmatch(api_key)
    return Role(found[1]) if found is not None and found[1] in set(Role) else None
