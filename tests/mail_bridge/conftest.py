"""Everything runs on the event loop that the program has, beside one injector."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import uvloop

from service_runtime.key_ring import KEY_RING_FILE, KeyRing, read_key_ring
from tests.mail_bridge.a_bridge import configured
from tests.mail_bridge.an_injector import an_injector


@pytest.fixture(scope="session")
def injector_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the injector."""
    return tmp_path_factory.mktemp("injector")


@pytest.fixture
def key_ring(injector: str, injector_data: Path) -> KeyRing:
    """Return what its pixels are sealed with."""
    del injector
    return read_key_ring(injector_data / KEY_RING_FILE)


@pytest.fixture(scope="session")
def injector(injector_data: Path) -> Iterator[str]:
    """Run an injector with a configuration, which nobody stops; yields where."""
    with an_injector(injector_data) as process:
        asyncio.run(configured(process.address))
        yield process.address


def pytest_asyncio_loop_factories(
    config: pytest.Config,  # noqa: ARG001 - the hook's own
    item: pytest.Item,  # noqa: ARG001
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}
