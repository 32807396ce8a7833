"""Ranges are replaced by what their vendors publish, or stay as they were."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from pixel_service.evidence import RangesInvalid, load_stored
from pixel_service.range_updates import CATALOGUE_FILE, Outcome, load_catalogue, update, update_from
from pixel_service.range_updates.updating import Update
from tests.fixtures.list_server import AMAZON, APPLE, AZURE, Answer, ListServer
from tests.pixel.evidence.conftest import write_database


def catalogue(folder: Path, lists: ListServer, text: str) -> None:
    """Write a catalogue in which `HOST` stands for the server's URL."""
    folder.mkdir(exist_ok=True)
    (folder / CATALOGUE_FILE).write_text(text.replace("HOST", lists.url))


HOSTING = """
[[ranges]]
name = "hosting"
also = ["198.51.100.0/24"]

[[ranges.lists]]
url = "HOST/ip-ranges.json"
format = "aws"
select = ["EC2"]
at_least = 2

[[ranges.lists]]
url = "HOST/details"
link = 'https://[\\w.:]+/ServiceTags_Public_\\d{8}\\.json'
format = "azure"
select = ["AzureCloud"]
"""
SYSTEMS = '[[ranges]]\nname = "mail-scanners"\nsystems = [64500]\nalso = ["192.0.2.0/24"]\n'


async def updated(folder: Path, name: str, *, database: Path | None = None) -> Update:
    return await update(load_catalogue(folder)[name], folder, database=database)


def stored(folder: Path, name: str) -> list[str]:
    found = load_stored(folder, name)
    return [] if found is None else list(found.addresses.networks())


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def published(lists: ListServer) -> Mapping[str, Answer]:
    return {
        "/ip-ranges.json": Answer(AMAZON),
        "/details": Answer(f'<a href="{lists.url}/ServiceTags_Public_20261123.json">'),
        "/ServiceTags_Public_20261123.json": Answer(AZURE),
    }


async def test_all_lists_of_a_name_make_it_up(lists: ListServer, folder: Path) -> None:
    """What is stored is what several vendors publish, and what none of them does."""
    catalogue(folder, lists, HOSTING)
    lists.answers |= published(lists)

    found = await updated(folder, "hosting")

    assert (found.outcome, found.networks, found.reason) == (Outcome.UPDATED, 5, "")
    assert stored(folder, "hosting") == [
        "3.5.140.0/22",
        "4.150.0.0/18",
        "198.51.100.0/24",
        "2600:1f70:4000::/56",
        "2603:1000::/40",
    ]


@pytest.mark.parametrize(
    ("path", "answer", "fault"),
    [
        ("/ip-ranges.json", Answer("gone", 410), "answered 410"),
        ("/ip-ranges.json", Answer("<html>"), "is not JSON with"),
        ("/ip-ranges.json", Answer(b"\xff\xfe"), "is not UTF-8"),
        ("/ip-ranges.json", Answer(AMAZON.replace("EC2", "EC3")), "does not have EC2"),
        ("/ip-ranges.json", Answer(AMAZON.replace('"EC2"', '"X"', 1)), "never had so few"),
        ("/ip-ranges.json", Answer(AMAZON.replace("3.5.140.0/22", "0.0.0.0/0")), "wider than /8"),
        (
            "/ServiceTags_Public_20261123.json",
            Answer(AZURE.replace('"4.150.0.0/18", ', "").replace("2603", "2604")),
            "lost more than half of its IPv4 addresses; if that is right, remove",
        ),
        ("/details", Answer("<p>rebuilt</p>"), "has no link to a list"),
    ],
)
async def test_what_is_not_as_it_should_be_leaves_the_old_ranges(
    lists: ListServer, folder: Path, path: str, answer: Answer, fault: str
) -> None:
    """One bad list of several leaves all of them, octet for octet, and says why."""
    catalogue(folder, lists, HOSTING)
    lists.answers |= published(lists)
    await updated(folder, "hosting")
    before = (folder / "hosting.txt").read_bytes()
    lists.answers[path] = answer

    found = await updated(folder, "hosting")

    assert found.outcome is Outcome.KEPT
    assert fault in found.reason
    assert (folder / "hosting.txt").read_bytes() == before
    assert names_in(folder) == ["hosting.txt", CATALOGUE_FILE]


async def test_nobody_has_a_sixteenth_of_the_internet(lists: ListServer, folder: Path) -> None:
    """A list of everything would make everybody a scanner."""
    catalogue(
        folder,
        lists,
        '[[ranges]]\nname = "all"\nlists = [{url = "HOST/all", format = "lines"}]',
    )
    lists.answers["/all"] = Answer("\n".join(f"{number}.0.0.0/8" for number in range(1, 30)))

    assert "covers more of IPv4" in (await updated(folder, "all")).reason


async def test_autonomous_systems_come_from_the_database(
    lists: ListServer, folder: Path, tmp_path: Path
) -> None:
    """A vendor who publishes nothing is known by what its systems announce."""
    catalogue(folder, lists, SYSTEMS)
    records: dict[str, dict[str, object]] = {
        "203.0.113.0/25": {"autonomous_system_number": 64500},
        "203.0.113.128/25": {"autonomous_system_number": 64501},
        "2001:db8::/32": {"autonomous_system_number": 64500},
    }
    database = write_database(tmp_path / "systems.mmdb", records)

    found = await updated(folder, "mail-scanners", database=database)

    assert (found.outcome, found.networks) == (Outcome.UPDATED, 3)
    assert stored(folder, "mail-scanners") == ["192.0.2.0/24", "203.0.113.0/25", "2001:db8::/32"]


async def test_a_database_without_the_systems_leaves_the_old_ranges(
    lists: ListServer, folder: Path, tmp_path: Path
) -> None:
    """A database of countries was given by mistake, or is empty."""
    catalogue(folder, lists, SYSTEMS)
    database = write_database(tmp_path / "x.mmdb", {"203.0.113.0/24": {"country": {}}})

    found = await updated(folder, "mail-scanners", database=database)

    assert found.outcome is Outcome.KEPT
    assert "has no network of these systems" in found.reason


async def test_without_a_database_nothing_is_done(lists: ListServer, folder: Path) -> None:
    """The built-in ranges stay, and that is no fault."""
    catalogue(folder, lists, SYSTEMS)

    found = await updated(folder, "mail-scanners")

    assert (found.outcome, found.reason) == (
        Outcome.SKIPPED,
        "needs a database of autonomous systems",
    )
    assert stored(folder, "mail-scanners") == []


async def test_ranges_are_stored_with_where_they_come_from(lists: ListServer, folder: Path) -> None:
    """An operator reads in the file itself from when and from where it is."""
    catalogue(
        folder, lists, '[[ranges]]\nname = "r"\nlists = [{url = "HOST/apple", format = "csv"}]'
    )
    lists.answers["/apple"] = Answer(APPLE)
    await updated(folder, "r")

    first = (folder / "r.txt").read_text().splitlines()[0]
    assert re.fullmatch(
        rf"# As of 20\d\d-\d\d-\d\dT[\d:]+Z, from {re.escape(lists.url)}/apple", first
    )


async def test_an_operators_source_may_be_anything(
    lists: ListServer, folder: Path, tmp_path: Path
) -> None:
    """A file or URL of any known form is stored under any name, however little it has."""
    lists.answers["/list"] = Answer(AMAZON)
    (tmp_path / "list").write_text("192.0.2.0/24\n")

    await update_from(f"{lists.url}/list", folder, "office")
    assert len(stored(folder, "office")) == 3
    await update_from(str(tmp_path / "list"), folder, "office")
    assert stored(folder, "office") == ["192.0.2.0/24"]


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("http://example.com/list", "only https"),
        ("ftp://example.com/list", "only https"),
        ("file:///etc/passwd", "only https"),
        ("https://127.0.0.1:1/list", "onnect"),
        ("/nowhere/list.txt", "No such file"),
    ],
)
async def test_only_https_and_files_are_read(folder: Path, source: str, fault: str) -> None:
    """A list decides who counts as a scanner: nobody on the way may change it."""
    with pytest.raises(RangesInvalid, match=fault):
        await update_from(source, folder, "office")


@pytest.mark.parametrize("octets", [b"", b"<html>", b"\xff\xfe", b"0.0.0.0/1"])
async def test_a_bad_source_leaves_the_old_ranges(
    folder: Path, tmp_path: Path, octets: bytes
) -> None:
    """Nothing is replaced before the new list has been understood."""
    (tmp_path / "list").write_bytes(b"192.0.2.0/24")
    await update_from(str(tmp_path / "list"), folder, "office")
    before = (folder / "office.txt").read_bytes()
    (tmp_path / "list").write_bytes(octets)
    with pytest.raises(RangesInvalid):
        await update_from(str(tmp_path / "list"), folder, "office")

    assert (folder / "office.txt").read_bytes() == before
    assert names_in(folder) == ["office.txt"]


@pytest.mark.parametrize("keeps", ["true", "false"])
async def test_built_in_ranges_stay_beside_fetched_ones_if_they_are_to(
    lists: ListServer, folder: Path, keeps: str
) -> None:
    """Of several makers some publish nothing, and would be lost."""
    catalogue(
        folder,
        lists,
        f'[[ranges]]\nname = "yahoo"\nkeeps_built_in = {keeps}\n'
        'lists = [{ url = "HOST/list", format = "lines" }]',
    )
    lists.answers["/list"] = Answer("192.0.2.0/24")
    await updated(folder, "yahoo")

    assert "192.0.2.0/24" in stored(folder, "yahoo")
    assert ("98.136.0.0/14" in stored(folder, "yahoo")) == (keeps == "true")
