"""Tests of the endpoint run on the event loop that it runs on."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Return it: sockets end, and TLS begins, in ways of its own."""
    del config, item
    return {"uvloop": uvloop.new_event_loop}
