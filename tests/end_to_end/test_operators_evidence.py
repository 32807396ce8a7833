"""What an operator supplies decides how the running service judges."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import aiohttp
import grpc
import netaddr
import pytest
from mmdb_writer import MMDBWriter

from emailopens.notification.v1 import open_notification_pb2 as notification_pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from examples.pair import Pair, pixel_options, running_service
from service_runtime.key_ring import generate_key_ring, write_key_ring
from tests.end_to_end.listing import listed
from tests.pixel.service_values import a_token, seal

# Each starts programs, one after the other, which takes its time on a busy machine.
pytestmark = pytest.mark.timeout(180)

PROGRAM = Path(sys.executable).with_name("pixel-service")
RING = generate_key_ring()
LOOPBACK = "127.0.0.0/8"

OWN_RULES = """
version = "own-7"

[[rules]]
name = "our-gateway"
agent = "SCANNER"
confidence = "HIGH"
seen = "a header field of the mail gateway"
source = "the gateway's manual"
match.header_names = ["x-gateway"]
match.header_contains = ["scan"]

[[rules]]
name = "office"
agent = "PERSON"
confidence = "MEDIUM"
seen = "a network of the office"
source = "the office"
match.address_in = "office"
"""


def run(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `pixel-service` for the service in the folder *data*, as its environment says."""
    environment = os.environ | {"EMAILOPENS_PIXEL_DATA": str(data)}
    return subprocess.run(  # noqa: S603 - our own program
        [PROGRAM, *arguments], env=environment, capture_output=True, text=True, check=False
    )


def write_database(path: Path, record: dict[str, object]) -> Path:
    """Write a database in MaxMind's format that knows the loopback network."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, int_type="u32")
    writer.insert_network(netaddr.IPSet([LOOPBACK]), record)
    writer.to_db_file(str(path))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    write_key_ring(folder / "token_keys", RING)
    return folder


async def opened(ports: Pair, count: int = 1, /, **headers: str) -> notification_pb.Evidence:
    """Fetch a pixel, and return the evidence of the last open, of which there are *count* then."""
    async with (
        aiohttp.ClientSession(headers=headers) as browser,
        browser.get(f"http://{ports.pixel_http}/o/{seal(a_token(), RING)}.gif") as response,
    ):
        assert response.status == 200
    async with grpc.aio.insecure_channel(ports.pixel) as channel:
        found = await listed(pb_grpc.PixelServiceStub(channel), count)
    return found.notifications[-1].open.evidence


async def test_updated_ranges_are_those_of_the_service_in_the_same_data_folder(
    ports: Pair, data: Path, tmp_path: Path
) -> None:
    """What `update-ranges` stored, `explain` and the service judge by alike."""
    (tmp_path / "list").write_text(LOOPBACK)
    updated = run(data, "evidence", "update-ranges", "apple-relay", str(tmp_path / "list"))
    fetch = ("--user-agent=Mozilla/5.0", "--ip=127.0.0.1", "--after=3600")
    explained = run(data, "evidence", "explain", *fetch)
    with running_service("pixel-service", pixel_options(ports, data), ready_at=ports.pixel):
        evidence = await opened(ports, **{"User-Agent": "Mozilla/5.0"})

    assert (updated.returncode, updated.stdout) == (0, "apple-relay: 1 ranges\n")
    assert explained.stdout.startswith("PRIVACY_PREFETCH, HIGH")
    assert evidence.agent == notification_pb.AGENT_PRIVACY_PREFETCH
    assert evidence.confidence == notification_pb.CONFIDENCE_HIGH
    assert "apple-mail-privacy" in {signal.name for signal in evidence.signals}


async def test_operators_rules_and_databases_judge(ports: Pair, data: Path, tmp_path: Path) -> None:
    """Rules by header fields and ranges of the operator's own; networks from databases."""
    rules = tmp_path / "rules.toml"
    rules.write_text(OWN_RULES)
    (data / "ranges").mkdir()
    (data / "ranges/office.txt").write_text(LOOPBACK)
    systems = write_database(
        tmp_path / "systems.mmdb",
        {"autonomous_system_number": 64500, "autonomous_system_organization": "This machine"},
    )
    countries = write_database(tmp_path / "countries.mmdb", {"country": {"iso_code": "DE"}})
    supplied = [
        f"--evidence-rules={rules}",
        f"--autonomous-systems={systems}",
        f"--countries={countries}",
    ]
    with running_service(
        "pixel-service", [*pixel_options(ports, data), *supplied], ready_at=ports.pixel
    ):
        person = await opened(ports)
        scanner = await opened(ports, 2, **{"X-Gateway": "scanning"})

    assert person.agent == notification_pb.AGENT_PERSON
    assert person.ruleset_version.startswith("own-7+")
    assert (person.network.operator, person.network.autonomous_system_number) == (
        "This machine",
        64500,
    )
    assert person.network.country == "DE"
    assert scanner.agent == notification_pb.AGENT_SCANNER
    assert {signal.name for signal in scanner.signals} == {"our-gateway", "office"}


@pytest.mark.parametrize(
    ("option", "content", "said"),
    [
        ("--evidence-rules", 'version = "1"\n[[rules]]\nname = "a"\nagent = "HUMAN"\n', "'HUMAN'"),
        ("--evidence-rules", None, "No such file"),
        ("--autonomous-systems", "no database", "is not a database in MaxMind's format"),
        ("--countries", None, "No such file"),
    ],
)
def test_what_cannot_be_used_is_one_clear_line(
    option: str, content: str | None, said: str, ports: Pair, data: Path, tmp_path: Path
) -> None:
    """The service does not start, and names the file."""
    file = tmp_path / "supplied"
    if content is not None:
        file.write_text(content)
    result = run(data, "serve", *pixel_options(ports, data), f"{option}={file}")

    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert str(file) in result.stderr
    assert said in result.stderr
