"""Logs to test against: every backend, for real."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pixel_service.openlog import OpenLog
from tests.pixel.log_values import LogHome


@pytest.fixture(params=["sqlite"])
def log_home(request: pytest.FixtureRequest, tmp_path: Path) -> LogHome:
    """Give a place for a log, empty, of each backend in turn."""
    assert request.param == "sqlite"
    return LogHome(url=f"sqlite:///{tmp_path}/data/opens.db")


@pytest.fixture
async def log(log_home: LogHome) -> AsyncIterator[OpenLog]:
    """Open an empty log."""
    async with log_home.connect() as open_log:
        yield open_log
