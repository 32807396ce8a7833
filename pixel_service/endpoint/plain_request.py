"""Recognises the request that nearly every mail client sends, in its octets.

Not a parser of HTTP: it takes a `GET` of a pixel that came whole, in the spelling that
everybody uses, and leaves all else to the HTTP server, which knows the rest of the
standard.  What is taken here is read as the HTTP server would read it.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

# All limits of a request's parts are longer.
_MAX_OCTETS: Final = 4_096

# Half of what the HTTP server takes.
_MAX_FIELDS: Final = 64

_START: Final = b"GET /o/"
_END: Final = b".gif HTTP/1.1"
_LINE_END: Final = b"\r\n"
_HEAD_END: Final = b"\r\n\r\n"

# Of a token that nobody has escaped (RFC 4648 section 5).
_TOKEN: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

_VISIBLE: Final = bytes(range(0x20, 0x7F))

# Fields by which a request has a body, or its connection another use.
_NOT_PLAIN: Final = frozenset(
    {
        "content-encoding",
        "content-length",
        "expect",
        "proxy-connection",
        "sec-websocket-key1",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_CONNECTION: Final = "connection"
_HOST: Final = "host"  # without it a request is invalid (RFC 9112 section 3.2)

# Has a grammar of its own (RFC 7239 section 4).
_FORWARDED: Final = "forwarded"

# Clients and proxies send the same fields again and again. In memory only; an entry has
# at most 10 kB, and 1 kB as a rule.
_MAX_CACHED: Final = 1_024


class PlainFields(NamedTuple):
    """What is asked of the header fields of a request."""

    user_agent: str | None
    forwarded: Sequence[str]
    """The values of the field that names whom a proxy serves."""
    purposes: Mapping[str, str]
    """Those of the fields that the rules of evidence ask for."""


class PlainRequests:
    """Reads plain requests, and of their fields what is asked for."""

    def __init__(self, *, forwarded: str, purposes: Sequence[str]) -> None:
        self._forwarded = forwarded
        self._purposes = tuple(purposes)
        self._fields = functools.lru_cache(maxsize=_MAX_CACHED)(self._read_fields)

    def read(self, octets: bytes) -> tuple[str, PlainFields] | None:
        """Return the token and the fields of the request that *octets* are.

        None if they are anything but one plain request.
        """
        if len(octets) > _MAX_OCTETS or not octets.startswith(_START):
            return None
        end = octets.find(_LINE_END)
        line = octets[len(_START) : end]
        token = line[: -len(_END)]
        if end < 0 or not line.endswith(_END) or token.translate(None, _TOKEN):
            return None
        fields = self._fields(octets[end:])
        return None if fields is None else (token.decode(), fields)

    def _read_fields(self, octets: bytes) -> PlainFields | None:
        found = _fields_of(octets)
        if found is None or _FORWARDED in found:
            return None
        forwarded = found.get(self._forwarded)
        return PlainFields(
            user_agent=found.get("user-agent"),
            forwarded=() if forwarded is None else (forwarded,),
            purposes={name: found[name] for name in self._purposes if name in found},
        )


def _fields_of(octets: bytes) -> dict[str, str] | None:
    """Return the fields in *octets*, which begin and end with the end of a line."""
    if not octets.endswith(_HEAD_END):
        return None
    lines = octets[: -len(_HEAD_END)].split(_LINE_END)[1:]
    # The first line's end, each field's and the head's, and nothing else that is not visible.
    unseen = len(_LINE_END) * (len(lines) + 2)
    if len(lines) > _MAX_FIELDS or len(octets.translate(None, _VISIBLE)) != unseen:
        return None
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode().partition(":")
        name = name.lower()
        # Narrower than a token of the standard; what is listed twice is not plain.
        if not (colon and name.replace("-", "_").isidentifier()) or name in fields:
            return None
        fields[name] = value.strip(" ")
    if _HOST not in fields or _NOT_PLAIN & fields.keys():
        return None
    return fields if fields.get(_CONNECTION, "keep-alive").lower() == "keep-alive" else None
