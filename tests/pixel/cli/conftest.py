"""A log and a service over it, for the commands that call one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pixel_service.open_log import OpenLog
from tests.pixel.service_values import StreamService, a_log, streaming


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[OpenLog]:
    async with a_log(tmp_path) as open_log:
        yield open_log


@pytest.fixture
async def service(log: OpenLog) -> AsyncIterator[StreamService]:
    async with streaming(log) as running:
        yield running
