"""OpenSMTPD and what is around it, once for the whole folder, which a plain run leaves out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.pair import Pair
from tests.fixtures.asked_for import ignored_unless_asked_for
from tests.postfix.byte_sink import ByteSink, running_sink
from tests.postfix.servers import running_services

HERE = Path(__file__).parent


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Collect what is here only if it is asked for by name."""
    return ignored_unless_asked_for(HERE, config)


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Run both services, with the configurations that mail names."""
    with running_services(tmp_path_factory.mktemp("data"), "spring") as addresses:
        yield addresses


@pytest.fixture
def sink() -> Iterator[ByteSink]:
    """Run where mail goes in the end."""
    with running_sink() as sink:
        yield sink
