"""The wheel has what its users need, and nothing else."""

import email
import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).parents[2]

CONSUMER = """
import asyncio

import grpc

from emailopens.injector.v1 import injector_service_pb2 as pb
from emailopens.injector.v1 import injector_service_pb2_grpc as pb_grpc
from emailopens_client import LogEnd, OpenStream


def rewritten(raw: bytes, channel: grpc.Channel) -> bytes:
    request = pb.RewriteMessageRequest(raw_message=raw, {field}=["newsletter"])
    return pb_grpc.InjectorServiceStub(channel).RewriteMessage(request).raw_message


async def follow() -> None:
    async with OpenStream("localhost", position=LogEnd.EARLIEST) as opens:
        async for notification in opens:
            print(notification.mail.message_id.upper())


asyncio.run(follow())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, with what is installed: no network."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(  # noqa: S603 - our own sources
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--wheel-dir", folder, ROOT),
        ],
        check=True,
        timeout=60,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def consumer(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment with the wheel in it, beside what it depends on."""
    folder = tmp_path_factory.mktemp("consumer")
    venv.create(folder)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # Its own `.pth` files, which lead to this repository, are not followed from here.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
    return folder


def test_wheel_has_the_contract_beside_its_stubs(wheel: Path) -> None:
    """Every .proto file, its stubs, the notification's schema, and the markers of types."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        schema = json.loads(
            archive.read("emailopens/notification/v1/open_notification.schema.json")
        )

    contract = {
        str(path.relative_to(ROOT / "protos"))
        for path in (ROOT / "protos/emailopens").rglob("*")
        if path.is_file()
    }
    stubs = {
        str(path.relative_to(ROOT / "protos/gen"))
        for path in (ROOT / "protos/gen").rglob("*.py*")
        if path.suffix in (".py", ".pyi")
    }
    assert any(name.endswith(".proto") for name in contract)
    assert contract | stubs | {"emailopens/py.typed", "emailopens_client/py.typed"} <= names
    jsonschema.Draft202012Validator.check_schema(schema)


def test_wheel_has_all_packages_and_nothing_of_the_tests(wheel: Path) -> None:
    """What git has in the packages is what is shipped, with every program."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (info,) = (name for name in names if name.endswith("/METADATA"))
        metadata = email.message_from_bytes(archive.read(info))
        programs = archive.read(info.replace("METADATA", "entry_points.txt")).decode()
    folders = (
        "emailopens_client",
        "injector_service",
        "mail_bridge",
        "pixel_service",
        "service_runtime",
    )
    listed = subprocess.run(  # noqa: S603 - our own folders
        ["git", "ls-files", *folders],  # noqa: S607 - where git is depends on the machine
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert set(listed.stdout.splitlines()) <= names
    assert {name.partition("/")[0] for name in names} == {
        *folders,
        "emailopens",
        info.partition("/")[0],
    }
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata.get_all("Provides-Extra") == ["geo", "postgres"]
    assert "injector-service = " in programs
    assert "mail-bridge = " in programs
    assert "pixel-service = " in programs


@pytest.mark.parametrize(
    ("field", "status", "said"),
    [
        ("configuration_ids", 0, "Success: no issues found"),
        ("configurations", 1, 'Unexpected keyword argument "configurations"'),
    ],
)
def test_consumer_is_checked_strictly(
    field: str, status: int, said: str, consumer: Path, tmp_path: Path
) -> None:
    """`mypy --strict` knows every message of the installed wheel, and so finds mistakes."""
    program = tmp_path / "consumer.py"
    program.write_text(CONSUMER.replace("{field}", field), "utf-8")
    done = subprocess.run(  # noqa: S603 - our own text
        [
            *(sys.executable, "-m", "mypy", "--strict", "--config-file="),
            *("--cache-dir", tmp_path / "cache", "--python-executable", consumer / "bin/python"),
            program,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (status, "")
    assert said in done.stdout
