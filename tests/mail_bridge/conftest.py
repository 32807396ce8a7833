"""Everything runs on the event loop that the program has, beside one injector."""

import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest
import uvloop

from tests.mail_bridge.a_bridge import configured
from tests.mail_bridge.an_injector import an_injector


@pytest.fixture(scope="session")
def injector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run an injector with a configuration, which nobody stops; yields where."""
    with an_injector(tmp_path_factory.mktemp("injector")) as process:
        asyncio.run(configured(process.address))
        yield process.address


def pytest_asyncio_loop_factories(
    config: pytest.Config,  # noqa: ARG001 - the hook's own
    item: pytest.Item,  # noqa: ARG001
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}
