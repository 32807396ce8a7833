"""The catalogue says where each range of the rules is published."""

import ipaddress
from pathlib import Path

import pytest

from pixel_service.evidence import RangesInvalid, load_ranges
from pixel_service.range_updates import CATALOGUE_FILE, load_catalogue


def test_each_range_but_yahoos_is_published(folder: Path) -> None:
    """Yahoo publishes none; a new range must say where it comes from."""
    assert set(load_ranges(None)) - set(load_catalogue(folder)) == {"yahoo"}


def test_built_in_ranges_have_what_no_list_has(folder: Path) -> None:
    """What stands beside a list, because no list has it, is in the built-in ranges, too."""
    built_in = load_ranges(None)
    for name, published in load_catalogue(folder).items():
        for version, first, _ in published.also:
            address = ipaddress.IPv4Address(first) if version == 4 else ipaddress.IPv6Address(first)
            assert address in built_in[name].addresses


def test_operators_file_replaces_it(folder: Path) -> None:
    """A vendor may move a list between two versions of ours."""
    folder.mkdir()
    (folder / CATALOGUE_FILE).write_text(
        '[[ranges]]\nname = "office"\n[[ranges.lists]]\n'
        'url = "https://example.com/list"\nformat = "lines"\n'
    )
    (office,) = load_catalogue(folder).values()

    assert (office.name, office.lists[0].url, office.lists[0].at_least) == (
        "office",
        "https://example.com/list",
        1,
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("ranges", "is not TOML"),
        ("", "is not a list `ranges`"),
        ("ranges = [1]", "is not a list `ranges`"),
        ('[[ranges]]\nname = "Office"', "is not a name"),
        ('[[ranges]]\nname = "a"\nnames = 1', "names is not known"),
        ('[[ranges]]\nname = "a"\nalso = ["x"]', "a: also: 'x' is not an address range"),
        ('[[ranges]]\nname = "a"\n[[ranges]]\nname = "a"', "more than once"),
        ('[[ranges]]\nname = "a"\nlists = [{url = "https://x/"}]', "is not a list `ranges`"),
        (
            '[[ranges]]\nname = "a"\nlists = [{url = "http://x/", format = "csv"}]',
            "only https URLs",
        ),
        (
            '[[ranges]]\nname = "a"\nlists = [{url = "https://x/", format = "xml"}]',
            "format is 'xml'",
        ),
        (
            '[[ranges]]\nname = "a"\nlists = [{url = "https://x/", format = "csv", link = "("}]',
            "is not a list `ranges`",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_told(folder: Path, text: str, fault: str) -> None:
    """The operator learns which file is wrong, and why."""
    folder.mkdir()
    (folder / CATALOGUE_FILE).write_text(text)
    with pytest.raises(RangesInvalid, match=CATALOGUE_FILE) as caught:
        load_catalogue(folder)

    assert fault in str(caught.value)
