"""Brings the address ranges in an operator's folder up to date."""

import asyncio
import dataclasses
import datetime as dt
import enum
from pathlib import Path

from pixel_service.evidence import (
    MAX_IPV4_ADDRESSES,
    MAX_RANGE_OCTETS,
    AddressSet,
    EvidenceError,
    Range,
    RangesInvalid,
    load_ranges,
    load_stored,
    networks_of,
    require_no_less,
    store_ranges,
)
from pixel_service.range_updates.catalogue import PublishedList, PublishedRanges
from pixel_service.range_updates.download import download
from pixel_service.range_updates.formats import form_of, read_list


class Outcome(enum.Enum):
    """What became of an attempt to update ranges."""

    UPDATED = "updated"
    KEPT = "kept"
    """What was published cannot be used; the ranges from before stay."""
    SKIPPED = "skipped"
    """Nothing that this machine can read says them."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What became of the ranges of one name."""

    name: str
    outcome: Outcome
    networks: int = 0
    reason: str = ""
    """Why they are not up to date."""


async def update(published: PublishedRanges, folder: Path, *, database: Path | None) -> Update:
    """Fetch all lists of some ranges, and put what they say into *folder*.

    Args:
        published: the ranges, and where they are published.
        folder: where ranges are.
        database: of autonomous systems, if there is one.
    """
    name = published.name
    if not published.lists and (database is None or not published.systems):
        reason = (
            "needs a database of autonomous systems" if published.systems else "is not published"
        )
        return Update(name=name, outcome=Outcome.SKIPPED, reason=reason)
    try:
        ranges = list(published.also)
        if published.keeps_built_in:
            built_in = load_ranges(None).get(name)
            ranges += built_in.addresses.ranges() if built_in else ()
        for each in published.lists:
            ranges += await _fetch(each)
        if published.systems and database is not None:
            ranges += await asyncio.to_thread(_of_systems, database, published.systems)
        networks = await asyncio.to_thread(_replace, folder, published, ranges)
    except EvidenceError as error:
        return Update(name=name, outcome=Outcome.KEPT, reason=str(error))
    return Update(name=name, outcome=Outcome.UPDATED, networks=networks)


async def update_from(source: str, folder: Path, name: str) -> Update:
    """Put the ranges of *source*, an https URL or the path of a file, into *folder* as *name*.

    An operator has chosen it: it may be of any known form, and have lost anything.

    Raises:
        RangesInvalid: they cannot be read, or not be written.
    """
    octets = await download(source) if "://" in source else _read_file(Path(source))
    text = _decode(octets)
    ranges = await asyncio.to_thread(read_list, text, form=form_of(text))
    networks = store_ranges(
        folder, name, AddressSet.of(ranges), origin=f"from {source}", now=dt.datetime.now(dt.UTC)
    )
    return Update(name=name, outcome=Outcome.UPDATED, networks=networks)


async def _fetch(published: PublishedList) -> list[Range]:
    octets = await download(published.url, link=published.link)
    try:
        return await asyncio.to_thread(_parse, octets, published)
    except RangesInvalid as error:
        raise RangesInvalid(f"{published.url}: {error}") from error


def _parse(octets: bytes, published: PublishedList) -> list[Range]:
    ranges = read_list(_decode(octets), form=published.form, select=published.select)
    if len(ranges) < published.at_least:
        raise RangesInvalid(f"lists {len(ranges)} address ranges, and never had so few")
    return ranges


def _of_systems(database: Path, systems: frozenset[int]) -> list[Range]:
    ranges = networks_of(database, systems)
    if not ranges:
        raise RangesInvalid(f"{database}: has no network of these systems")
    return ranges


def _replace(folder: Path, published: PublishedRanges, ranges: list[Range]) -> int:
    name, addresses = published.name, AddressSet.of(ranges)
    if addresses.addresses(4) > MAX_IPV4_ADDRESSES:
        raise RangesInvalid("covers more of IPv4 than is let to customers anywhere")
    before = load_stored(folder, name)
    if before is not None:
        try:
            require_no_less(addresses, before.addresses)
        except RangesInvalid as error:
            file = folder / f"{name}.txt"
            raise RangesInvalid(f"{error}; if that is right, remove {file}") from error
    urls = " and ".join(each.url for each in published.lists)
    origin = f"from {urls or 'a database of autonomous systems'}"
    return store_ranges(folder, name, addresses, origin=origin, now=dt.datetime.now(dt.UTC))


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_RANGE_OCTETS + 1)
    except OSError as error:
        raise RangesInvalid(f"{path}: {error.strerror}") from error
    if len(octets) > MAX_RANGE_OCTETS:
        raise RangesInvalid(f"{path}: has more than {MAX_RANGE_OCTETS} octets")
    return octets


def _decode(octets: bytes) -> str:
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RangesInvalid("is not UTF-8") from error
