"""A server of lists that this machine trusts, for the length of a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.list_server import ListServer, serving_lists


@pytest.fixture
def lists(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ListServer]:
    with serving_lists(tmp_path_factory.mktemp("lists")) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Name the folder of ranges, which need not be there."""
    return tmp_path / "ranges"
