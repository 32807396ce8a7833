"""A real receiver for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.fixtures.webhook_receiver import Receiver, receiving


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver
