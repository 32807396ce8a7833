"""A judge with everything: built-in rules and ranges, and a network database."""

from pathlib import Path

import netaddr
import pytest
from mmdb_writer import MMDBWriter

from pixel_service.evidence import Judge, NetworkDatabases, load_judge


def write_database(path: Path, records: dict[str, dict[str, object]]) -> Path:
    """Write a database in MaxMind's format that holds *records* by network."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, int_type="u32")
    for network, record in records.items():
        writer.insert_network(netaddr.IPSet([network]), record)
    writer.to_db_file(str(path))
    return path


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> NetworkDatabases:
    folder = tmp_path_factory.mktemp("databases")
    systems = {
        "192.0.2.0/24": (8075, "MICROSOFT-CORP-MSN-AS-BLOCK"),
        "198.51.100.0/24": (42427, "Mimecast Services Limited"),
        "198.18.0.0/24": (16276, "OVH SAS"),
        "203.0.113.0/24": (64500, "Example Access"),
    }
    return NetworkDatabases(
        autonomous_systems=write_database(
            folder / "systems.mmdb",
            {
                network: {
                    "autonomous_system_number": number,
                    "autonomous_system_organization": operator,
                }
                for network, (number, operator) in systems.items()
            },
        ),
        countries=write_database(
            folder / "countries.mmdb",
            {
                "203.0.113.0/24": {"country": {"iso_code": "DE"}},
                "2001:db8::/32": {"country": {"iso_code": "FR"}},
            },
        ),
    )


@pytest.fixture(scope="session")
def judge(databases: NetworkDatabases) -> Judge:
    return load_judge(networks=databases)
