"""Who operates the network of an address, from databases in MaxMind's format.

The databases are the operator's (GeoLite2 and others come under their own licences)
and are read locally.  The reader is `maxminddb`, which `geoip2` wraps: it is the same
format and a tenth of the dependencies.
"""

import dataclasses
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, Protocol

from pixel_service.evidence.errors import DatabaseInvalid
from pixel_service.evidence.facts import Network
from pixel_service.evidence.ranges import Address, IpNetwork, Range


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NetworkDatabases:
    """Where the operator keeps databases; None for one that is not there."""

    autonomous_systems: Path | None = None
    """Such as GeoLite2-ASN.mmdb."""

    countries: Path | None = None
    """Such as GeoLite2-Country.mmdb."""


class _Reader(Protocol):
    def __iter__(self) -> Iterator[tuple[IpNetwork, Any]]: ...
    def get(self, ip_address: Address, /) -> Any: ...  # noqa: ANN401 - databases hold any JSON


ReadNetwork = Callable[[Address], Network | None]


def load_network_reader(databases: NetworkDatabases) -> ReadNetwork:
    """Return a function that reads the network of an address, None if not known.

    The files are mapped into memory for as long as the function lives.

    Raises:
        DatabaseInvalid: a file cannot be used, or the extra `geo` is not installed.
    """
    systems = _open_database(databases.autonomous_systems)
    countries = _open_database(databases.countries)

    def read_network(address: Address) -> Network | None:
        system = _record(systems, address)
        country = _record(countries, address).get("country")
        network = Network(
            operator=_text(system.get("autonomous_system_organization")),
            autonomous_system_number=_number(system.get("autonomous_system_number")),
            country=_text(country.get("iso_code") if isinstance(country, dict) else None),
        )
        return network if network != _NOTHING else None

    return read_network


def networks_of(database: Path, systems: Collection[int]) -> list[Range]:
    """Return the networks of some autonomous *systems*, by a database of them.

    Takes some seconds: it goes through the whole database.

    Raises:
        DatabaseInvalid: as `load_network_reader`.
    """
    reader = _open_database(database)
    try:
        return [
            Range.of(network)
            for network, record in reader or ()
            if isinstance(record, dict) and record.get("autonomous_system_number") in systems
        ]
    except ValueError as error:
        raise DatabaseInvalid(f"{database}: is damaged") from error


_NOTHING = Network(operator="", autonomous_system_number=0, country="")


def _open_database(path: Path | None) -> _Reader | None:
    if path is None:
        return None
    try:
        import maxminddb  # noqa: PLC0415 - only those who have databases install it
    except ImportError as error:
        raise DatabaseInvalid("network databases need `pip install emailopens[geo]`") from error
    try:
        return maxminddb.open_database(path)
    except OSError as error:
        raise DatabaseInvalid(f"{path}: {error.strerror or 'cannot be read'}") from error
    except maxminddb.InvalidDatabaseError as error:
        raise DatabaseInvalid(f"{path}: is not a database in MaxMind's format") from error


def _record(reader: _Reader | None, address: Address) -> dict[str, object]:
    if reader is None:
        return {}
    try:
        record = reader.get(address)
    except ValueError:
        # An IPv6 address in a database of IPv4 only; or a damaged record.
        return {}
    return record if isinstance(record, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
