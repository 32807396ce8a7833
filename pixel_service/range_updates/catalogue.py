"""Where address ranges are published: `ranges.toml`."""

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pixel_service.evidence import Range, RangesInvalid, is_name_of_ranges, ranges_of
from pixel_service.range_updates.formats import FORMATS

CATALOGUE_FILE: Final = "ranges.toml"

# Each list is downloaded; nobody publishes so many.
MAX_LISTS: Final = 100

_KEYS: Final = frozenset({"name", "lists", "systems", "also", "keeps_built_in"})
_LIST_KEYS: Final = frozenset({"url", "link", "format", "select", "at_least"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PublishedList:
    """A list, and where it is."""

    url: str
    """`{uuid}` in it stands for a random one."""
    link: re.Pattern[str] | None
    """What leads to the list, if the URL is that of a page."""
    form: str
    select: tuple[str, ...]
    at_least: int
    """How many networks it must have to be believed."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRanges:
    """All that makes up the ranges of one name."""

    name: str
    lists: tuple[PublishedList, ...]
    systems: frozenset[int]
    """Autonomous systems whose networks belong to it, too."""
    also: tuple[Range, ...]
    """Networks that no list has."""
    keeps_built_in: bool
    """Whether the built-in ranges belong to it, too: of some makers nothing is published."""


def load_catalogue(folder: Path) -> Mapping[str, PublishedRanges]:
    """Return what is published, by name; as the file in *folder* says, if there is one.

    Raises:
        RangesInvalid: it cannot be used.
    """
    path = folder / CATALOGUE_FILE
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else _built_in()
        return _parse(text)
    except OSError as error:
        raise RangesInvalid(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, RangesInvalid) as error:
        raise RangesInvalid(f"{path}: {error}") from error


def _built_in() -> str:
    return resources.files(__package__).joinpath(CATALOGUE_FILE).read_text(encoding="utf-8")


def _parse(text: str) -> Mapping[str, PublishedRanges]:
    try:
        tables = tomllib.loads(text)["ranges"]
        found = [_parse_ranges(table) for table in tables]
    except tomllib.TOMLDecodeError as error:
        raise RangesInvalid(f"is not TOML: {error}") from error
    except (KeyError, TypeError, AttributeError, re.error) as error:
        raise RangesInvalid(
            f"is not a list `ranges` as docs/evidence.md describes ({error!r})"
        ) from error
    catalogue = {each.name: each for each in found}
    if len(catalogue) < len(found):
        raise RangesInvalid("has a name more than once")
    if sum(len(each.lists) for each in found) > MAX_LISTS:
        raise RangesInvalid(f"has more than {MAX_LISTS} lists")
    return catalogue


def _parse_ranges(table: Mapping[str, Any]) -> PublishedRanges:
    name = table["name"]
    if not is_name_of_ranges(name):
        raise RangesInvalid(f"{name!r} is not a name: use a-z, 0-9 and single hyphens")
    _allow(table, _KEYS, name)
    also = [(f"{name}: also", entry) for entry in table.get("also", ())]
    return PublishedRanges(
        name=name,
        lists=tuple(_parse_list(each, name) for each in table.get("lists", ())),
        systems=frozenset(map(int, table.get("systems", ()))),
        also=tuple(ranges_of(also)) if also else (),
        keeps_built_in=table.get("keeps_built_in", False) is True,
    )


def _parse_list(table: Mapping[str, Any], name: str) -> PublishedList:
    _allow(table, _LIST_KEYS, name)
    url, form, link = table["url"], table["format"], table.get("link")
    if form not in FORMATS:
        raise RangesInvalid(f"{name}: format is {form!r}, must be one of {', '.join(FORMATS)}")
    if urlsplit(url).scheme != "https":
        raise RangesInvalid(f"{name}: {url}: only https URLs are fetched")
    return PublishedList(
        url=url,
        link=None if link is None else re.compile(link),
        form=form,
        select=tuple(map(str, table.get("select", ()))),
        at_least=int(table.get("at_least", 1)),
    )


def _allow(table: Mapping[str, Any], keys: frozenset[str], name: str) -> None:
    if unknown := sorted(set(table) - keys):
        raise RangesInvalid(f"{name}: {', '.join(unknown)} is not known")
