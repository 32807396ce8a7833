"""Sends one request to a receiver, within limits."""

import asyncio
import collections
import contextlib
import datetime as dt
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import aiohttp

from pixel_service.open_log import MAX_WEBHOOKS
from pixel_service.webhooks.addresses import AddressNotPublic, PublicResolver, public_socket
from pixel_service.webhooks.answers import Answer, Outcome, answer_of, failure
from pixel_service.webhooks.bodies import Body
from pixel_service.webhooks.signing import signature_headers

# What the contract gives a receiver.
DEFAULT_TIMEOUT: Final = dt.timedelta(seconds=15)

# Of an answer.  Nothing in it is looked at, but a connection can be used again only after
# it was read.
_MAX_ANSWER_OCTETS: Final = 64 * 1024

# Shorter than servers keep silent connections, so that none is used that is just closing.
_KEPT_SECONDS: Final = 3.0

_USER_AGENT: Final = "emailopens (webhook)"


class Sender:
    """Sends what webhooks deliver.  One for all of them."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        limit: dt.timedelta,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._limit = limit
        self._clock = clock
        self.outcomes: collections.Counter[Outcome] = collections.Counter()
        """How often what came of requests."""

    async def send(self, url: str, body: Body, *, secrets: Sequence[bytes]) -> Answer:
        """Send *body* to *url*, and return what the receiver made of it."""
        answer = await self._send(url, body, secrets)
        self.outcomes[answer.outcome] += 1
        return answer

    async def _send(self, url: str, body: Body, secrets: Sequence[bytes]) -> Answer:
        headers = {
            "User-Agent": _USER_AGENT,
            **body.headers,
            **signature_headers(
                body.event_id, body.octets, secrets=secrets, timestamp=int(self._clock())
            ),
        }
        try:
            async with self._session.post(
                url, data=body.octets, headers=headers, allow_redirects=False
            ) as response:
                await _read_some(response)
                return answer_of(
                    response.status, retry_after=response.headers.get("Retry-After", "")
                )
        except TimeoutError:
            return failure(f"took longer than {self._limit.total_seconds():g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return failure(_words(error))


async def _read_some(response: aiohttp.ClientResponse) -> None:
    """Read as much of an answer as is allowed; its status counts, whatever becomes of that."""
    left = _MAX_ANSWER_OCTETS
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
        while left > 0:
            octets = await response.content.read(left)
            if not octets:
                return
            left -= len(octets)
    response.close()


def _words(error: Exception) -> str:
    """Say what went wrong without what the receiver has sent, and without the URL."""
    for cause in (error, getattr(error, "os_error", None), error.__cause__):
        if isinstance(cause, AddressNotPublic):
            return str(cause)
    match error:
        case aiohttp.ClientConnectorDNSError():
            words = "its name could not be resolved"
        case aiohttp.ClientSSLError() | aiohttp.ClientConnectorCertificateError():
            words = "its certificate is not valid"
        case aiohttp.ClientConnectorError():
            # Not its text, which names the address.
            number = error.os_error.errno
            words = f"no connection: {os.strerror(number) if number else 'nobody answers'}"
        case aiohttp.ServerDisconnectedError() | ConnectionError():
            words = "connection ended without an answer"
        case aiohttp.InvalidURL():
            words = "its URL cannot be used"
        case _:
            words = f"no valid answer ({type(error).__name__})"
    return words


@contextlib.asynccontextmanager
async def open_sender(
    *, allow_private: bool, limit: dt.timedelta = DEFAULT_TIMEOUT
) -> AsyncIterator[Sender]:
    """Yield what sends requests inside the block.

    Args:
        allow_private: whether addresses may be used that are not public.
        limit: what a request may take in all, with its answer.
    """
    # Reads the certificates of all authorities: 20 ms.
    context = await asyncio.to_thread(ssl.create_default_context)
    resolver = PublicResolver(allow_private=allow_private)
    connector = aiohttp.TCPConnector(
        ssl=context,
        resolver=resolver,
        use_dns_cache=False,
        # Each webhook has one request under way.
        limit=MAX_WEBHOOKS,
        keepalive_timeout=_KEPT_SECONDS,
        socket_factory=None if allow_private else public_socket,
    )
    try:
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=limit.total_seconds()),
            cookie_jar=aiohttp.DummyCookieJar(),
            # Read as it is, so that what is small on the way cannot be large here.
            auto_decompress=False,
            trust_env=False,
        ) as session:
            yield Sender(session, limit=limit)
    finally:
        await resolver.close()
