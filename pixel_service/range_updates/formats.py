"""The forms in which operators publish the networks that they use."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from pixel_service.evidence import Range, RangesInvalid, ranges_of

Entries = Iterator[tuple[str, str]]
"""Networks, each with where it is in the list."""

_Read = Callable[[str, Collection[str]], Entries]


def read_list(text: str, *, form: str, select: Collection[str] = ()) -> list[Range]:
    """Return the networks that *text* lists.

    Args:
        text: the list.
        form: one of FORMATS.
        select: of a list of several services, their names; none: all of them.

    Raises:
        RangesInvalid: it is not such a list, or lacks a service, or lists nothing.
    """
    return ranges_of(FORMATS[form](text, select))


def form_of(text: str) -> str:
    """Return which of FORMATS *text* is likely to have."""
    begin = text[:_LOOK_CHARACTERS].lstrip()
    if begin.startswith("["):
        return "microsoft-365"
    if begin.startswith("{"):
        if '"addressPrefixes"' in begin:
            return "azure"
        return "aws" if '"ip_prefix"' in begin else "google"
    return "csv"


# What tells forms of JSON apart is in their first entry.
_LOOK_CHARACTERS: Final = 4_096


def _lines(text: str, select: Collection[str]) -> Entries:
    _refuse_selection(select)
    for number, line in enumerate(text.splitlines(), start=1):
        if entry := line.partition("#")[0].strip():
            yield f"line {number}", entry


def _csv(text: str, select: Collection[str]) -> Entries:
    """Read what comes before the first comma: Apple's list, and geofeeds (RFC 8805)."""
    for where, entry in _lines(text, select):
        if network := entry.partition(",")[0].strip():
            yield where, network


def _google(text: str, select: Collection[str]) -> Entries:
    what = "a list `prefixes` of objects with `ipv4Prefix` or `ipv6Prefix`"
    chosen = _Chosen(select)
    for number, each in _objects(text, what, "prefixes"):
        network = each.get("ipv4Prefix") or each.get("ipv6Prefix")
        if chosen.has(each.get("service")):
            yield f"prefix {number}", _text(network, what)
    chosen.require_all()


def _aws(text: str, select: Collection[str]) -> Entries:
    what = "lists `prefixes` and `ipv6_prefixes` of objects with `ip_prefix` and `ipv6_prefix`"
    chosen = _Chosen(select)
    for name, key in (("prefixes", "ip_prefix"), ("ipv6_prefixes", "ipv6_prefix")):
        for number, each in _objects(text, what, name):
            if chosen.has(each.get("service")):
                yield f"{name} {number}", _text(each.get(key), what)
    chosen.require_all()


def _azure(text: str, select: Collection[str]) -> Entries:
    what = "a list `values` of service tags with `properties.addressPrefixes`"
    chosen = _Chosen(select)
    for _, tag in _objects(text, what, "values"):
        if chosen.has(tag.get("name")):
            properties = tag.get("properties")
            prefixes = properties.get("addressPrefixes") if isinstance(properties, dict) else None
            yield from _texts(prefixes, f"tag {tag.get('name')}", what)
    chosen.require_all()


def _microsoft_365(text: str, select: Collection[str]) -> Entries:
    what = "a list of endpoint sets with `urls` and `ips`"
    chosen = _Chosen(select)
    for _, endpoints in _objects(text, what):
        urls = endpoints.get("urls", [])
        # Sets of services behind content networks have no addresses of their own.
        if isinstance(urls, list) and chosen.has(*urls):
            yield from _texts(endpoints.get("ips", []), f"set {endpoints.get('id')}", what)
    chosen.require_all()


FORMATS: Final[Mapping[str, _Read]] = {
    "lines": _lines,
    "csv": _csv,
    "google": _google,
    "aws": _aws,
    "azure": _azure,
    "microsoft-365": _microsoft_365,
}


class _Chosen:
    """Which services of a list are wanted, and which of them were there."""

    def __init__(self, select: Collection[str]) -> None:
        self._wanted = frozenset(select)
        self._missing = set(select)

    def has(self, *names: object) -> bool:
        """Say whether the service of one of these *names* is wanted."""
        found = self._wanted.intersection(map(str, names))
        self._missing -= found
        return bool(found) or not self._wanted

    def require_all(self) -> None:
        """Refuse a list that lacks a service: its maker calls it otherwise now."""
        if self._missing:
            raise RangesInvalid(f"does not have {', '.join(sorted(self._missing))}")


def _refuse_selection(select: Collection[str]) -> None:
    if select:
        raise RangesInvalid("has no services to select from")


def _objects(
    text: str, what: str, key: str | None = None
) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Yield the objects of a list, numbered: the document itself, or what its *key* has."""
    try:
        document = json.loads(text)
        found = document if key is None else document[key]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RangesInvalid(f"is not JSON with {what}") from error
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise RangesInvalid(f"is not JSON with {what}")
    return enumerate(found, start=1)


def _texts(values: object, where: str, what: str) -> Entries:
    if not isinstance(values, list):
        raise RangesInvalid(f"is not JSON with {what}")
    for number, value in enumerate(values, start=1):
        yield f"{where}, prefix {number}", _text(value, what)


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise RangesInvalid(f"is not JSON with {what}")
    return value
