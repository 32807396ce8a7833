"""Network databases in MaxMind's format say who operates an address."""

import datetime as dt
from pathlib import Path

import pytest

from pixel_service.evidence import (
    DatabaseInvalid,
    Fetch,
    Judge,
    Network,
    NetworkDatabases,
    load_judge,
    parse_address,
)
from pixel_service.evidence.network import load_network_reader


def network_of(databases: NetworkDatabases, address: str) -> Network | None:
    parsed = parse_address(address)
    assert parsed is not None
    return load_network_reader(databases)(parsed)


def test_operator_and_country_are_read(databases: NetworkDatabases) -> None:
    """Both databases contribute what they know."""
    assert network_of(databases, "203.0.113.8") == Network(
        operator="Example Access", autonomous_system_number=64500, country="DE"
    )
    assert network_of(databases, "2001:db8::8") == Network(
        operator="", autonomous_system_number=0, country="FR"
    )


def test_unknown_address_has_no_network(databases: NetworkDatabases) -> None:
    """What stands in no database is not known, and no error."""
    assert network_of(databases, "10.0.0.1") is None
    assert network_of(NetworkDatabases(), "203.0.113.8") is None


def test_evidence_carries_the_network(judge: Judge) -> None:
    """A judge with databases says who operates the fetching network; one without does not."""
    fetch = Fetch(
        ip_address="203.0.113.8",
        user_agent="curl/8",
        headers={},
        open_time=dt.datetime.now(dt.UTC),
        acceptance_time=None,
    )
    network = judge.judge(fetch).network

    assert network is not None
    assert network.operator == "Example Access"
    assert load_judge().judge(fetch).network is None


def test_unusable_database_is_named(tmp_path: Path) -> None:
    """A missing or foreign file is refused at start, by its path."""
    path = tmp_path / "systems.mmdb"
    with pytest.raises(DatabaseInvalid, match=r"systems\.mmdb: No such file"):
        load_network_reader(NetworkDatabases(autonomous_systems=path))
    path.write_bytes(b"nonsense")
    with pytest.raises(DatabaseInvalid, match=r"systems\.mmdb: is not a database"):
        load_network_reader(NetworkDatabases(countries=path))
