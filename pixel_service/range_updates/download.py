"""Fetches published lists, within limits."""

import asyncio
import re
import ssl
import uuid
from typing import Final
from urllib.parse import urljoin, urlsplit

import aiohttp

from pixel_service.evidence import MAX_RANGE_OCTETS, RangesInvalid

# Between two pieces, and for the whole list: 64 MB in two minutes is 4 Mbit/s.
PIECE_SECONDS: Final = 20.0
TOTAL_SECONDS: Final = 120.0

# Vendors send on once or twice.
MAX_REDIRECTS: Final = 5

_PIECE_OCTETS: Final = 64 * 1024
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

# Some vendors refuse libraries that do not say what they are for.
_HEADERS: Final = {"User-Agent": "emailopens (address ranges)", "Accept": "*/*"}


async def download(url: str, *, link: re.Pattern[str] | None = None) -> bytes:
    """Return the octets of the list at *url*, or that a *link* of the page there leads to.

    Raises:
        RangesInvalid: it cannot be read, is too large or too slow.
    """
    url = url.replace("{uuid}", str(uuid.uuid4()))
    try:
        async with asyncio.timeout(TOTAL_SECONDS), _session() as session:
            octets = await _get(session, url)
            if link is not None:
                found = link.search(octets.decode("utf-8", "replace"))
                if found is None:
                    raise RangesInvalid(f"{url}: has no link to a list")
                octets = await _get(session, found[0])
            return octets
    except TimeoutError as error:
        raise RangesInvalid(f"{url}: took too long") from error
    except aiohttp.ClientConnectorCertificateError as error:
        raise RangesInvalid(f"{url}: certificate: {error.certificate_error}") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise RangesInvalid(f"{url}: {error}") from error


def _session() -> aiohttp.ClientSession:
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=PIECE_SECONDS, sock_read=PIECE_SECONDS)
    # A context of now: the library's own has the authorities of when it was loaded.
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context())
    # The environment may name a proxy.
    return aiohttp.ClientSession(
        connector=connector, timeout=timeout, headers=_HEADERS, trust_env=True
    )


async def _get(session: aiohttp.ClientSession, url: str) -> bytes:
    for _ in range(1 + MAX_REDIRECTS):
        async with session.get(_require_https(url), allow_redirects=False) as answer:
            if answer.status in _REDIRECTS and "Location" in answer.headers:
                url = urljoin(url, answer.headers["Location"])
                continue
            if answer.status != 200:  # noqa: PLR2004 - HTTP's own number
                raise RangesInvalid(f"{url}: answered {answer.status}")
            return await _read_all(answer)
    raise RangesInvalid(f"{url}: redirects more than {MAX_REDIRECTS} times")


async def _read_all(answer: aiohttp.ClientResponse) -> bytes:
    octets = bytearray()
    async for piece in answer.content.iter_chunked(_PIECE_OCTETS):
        octets += piece
        if len(octets) > MAX_RANGE_OCTETS:
            raise RangesInvalid(f"{answer.url}: has more than {MAX_RANGE_OCTETS} octets")
    return bytes(octets)


def _require_https(url: str) -> str:
    # A list decides who counts as a scanner: nobody on the way may exchange it.
    if urlsplit(url).scheme.lower() != "https":
        raise RangesInvalid(f"{url}: only https URLs and files are read")
    return url
