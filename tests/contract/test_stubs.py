"""The committed stubs are those of the contract, and the floors are theirs."""

import filecmp
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STUBS = ROOT / "protos/gen"


def relative_files(folder: Path) -> set[Path]:
    return {
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def floor_of(distribution: str) -> str:
    """Return the lowest version of *distribution* that pyproject.toml admits."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (requirement,) = (
        text for text in project["dependencies"] if re.match(rf"{distribution}\b(?!-)", text)
    )
    match = re.search(r">=([0-9.]+)", requirement)
    assert match is not None
    return match[1]


def test_committed_stubs_equal_freshly_generated_ones(tmp_path: Path) -> None:
    """Generating again changes nothing."""
    shutil.copytree(
        ROOT / "protos", tmp_path / "protos", ignore=shutil.ignore_patterns("gen", "__pycache__")
    )
    for name in ("Makefile", "buf.yaml", "buf.gen.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    make = shutil.which("make")
    assert make is not None
    done = subprocess.run(  # noqa: S603 - our own Makefile, in a folder of our own
        [make, "generate"],
        cwd=tmp_path,
        # The generators are those of the environment that runs the tests.
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    fresh = tmp_path / "protos/gen"
    assert relative_files(fresh) == relative_files(STUBS)
    _, different, unreadable = filecmp.cmpfiles(
        fresh, STUBS, [str(path) for path in relative_files(fresh)], shallow=False
    )
    assert (different, unreadable) == ([], [])


@pytest.mark.parametrize("path", sorted(STUBS.rglob("*_pb2_grpc.py")), ids=lambda path: path.name)
def test_grpcio_floor_is_the_version_that_generated_the_stubs(path: Path) -> None:
    """An installation that the floors admit can import the gRPC stubs."""
    match = re.search(r"GRPC_GENERATED_VERSION = '([0-9.]+)'", path.read_text())

    assert match is not None
    assert match[1] == floor_of("grpcio")


@pytest.mark.parametrize("path", sorted(STUBS.rglob("*_pb2.py")), ids=lambda path: path.name)
def test_protobuf_floor_is_the_version_that_generated_the_stubs(path: Path) -> None:
    """An installation that the floors admit can import the messages."""
    match = re.search(r"Protobuf Python Version: ([0-9.]+)", path.read_text())

    assert match is not None
    assert match[1] == floor_of("protobuf")
