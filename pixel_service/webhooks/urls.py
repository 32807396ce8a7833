"""The URLs of webhooks: what is one, where it leads, and what of it may be shown."""

import asyncio
import datetime as dt
import re
import socket
from typing import Final

import yarl

from pixel_service.webhooks.addresses import (
    NOT_PUBLIC,
    AddressNotPublic,
    PublicResolver,
    is_address,
    is_public,
)

# The contract's.
MAX_URL_CHARACTERS: Final = 2_000

# A name that is not found that fast is found, or not, when something is sent.
_LOOKUP: Final = dt.timedelta(seconds=5)

# What RFC 3986 has characters for: parsers agree on nothing else.
_CHARACTERS: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")


async def mistake_of_url(text: str, resolver: PublicResolver) -> str | None:
    """Return why webhooks must not be sent to the URL *text*; None if they may.

    Args:
        text: as somebody has given it.
        resolver: what looks up its name, if only public addresses may be used.
    """
    mistake = _mistake_of_form(text, allow_private=resolver.allow_private)
    if mistake is not None or resolver.allow_private:
        return mistake
    host = yarl.URL(text).host or ""
    if is_address(host):
        return None if is_public(host) else NOT_PUBLIC
    return await _mistake_of_name(host, resolver)


def _mistake_of_form(text: str, *, allow_private: bool) -> str | None:
    if len(text) > MAX_URL_CHARACTERS:
        return f"must have at most {MAX_URL_CHARACTERS:,} characters"
    schemes = ("https", "http") if allow_private else ("https",)
    try:
        url = yarl.URL(text) if _CHARACTERS.fullmatch(text) else None
        is_one = url is not None and url.scheme in schemes and url.host and url.port
    except (ValueError, IndexError):  # the second: brackets in the wrong places
        is_one = False
    if not is_one:
        return f"must be a URL that begins with {' or '.join(f'{each}://' for each in schemes)}"
    return "must have no fragment" if "#" in text else None


async def _mistake_of_name(host: str, resolver: PublicResolver) -> str | None:
    """Return what is wrong with where *host* leads, as far as that is known now."""
    try:
        async with asyncio.timeout(_LOOKUP.total_seconds()):
            await resolver.resolve(host, family=socket.AF_UNSPEC)
    except AddressNotPublic as error:
        return str(error)
    except UnicodeError:
        return "has a host that no name can be"
    except (OSError, TimeoutError):
        # Looked at again before each request: the name may be new, or its servers away.
        return None
    return None


def shown_url(url: str) -> str:
    """Return *url* without what only its receiver should know: its user or its password."""
    scheme, _, rest = url.partition("://")
    end = re.search(r"[/?]|$", rest)
    authority = rest[: end.start()] if end is not None else rest
    user_info, is_there, host = authority.rpartition("@")
    if not is_there:
        return url
    user, has_password, _ = user_info.partition(":")
    hidden = f"{user}:***" if has_password else "***"
    return f"{scheme}://{hidden}@{host}{rest[len(authority) :]}"
