"""Postfix and what is around it, once for the whole folder, which a plain run leaves out."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.pair import Pair
from service_runtime.key_ring import KEY_RING_FILE, read_key_ring
from tests.fixtures.asked_for import ignored_unless_asked_for
from tests.injector.running_service import unsealed
from tests.postfix.byte_sink import ByteSink, running_sink
from tests.postfix.flows import Flows
from tests.postfix.mail import MessageIdOf, pixel_of
from tests.postfix.servers import AFTER_QUEUE, Flow, running_services

HERE = Path(__file__).parent


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Collect what is here only if it is asked for by name."""
    return ignored_unless_asked_for(HERE, config)


@pytest.fixture(scope="session")
def running_byte_sink() -> Iterator[ByteSink]:
    with running_sink() as sink:
        yield sink


@pytest.fixture
def sink(running_byte_sink: ByteSink) -> ByteSink:
    """Return where mail goes in the end, with nothing in it."""
    running_byte_sink.clear()
    return running_byte_sink


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of both services."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def pair(data: Path) -> Iterator[Pair]:
    """Run both services, with the configuration that the page names."""
    with running_services(data) as addresses:
        yield addresses


@pytest.fixture(scope="session")
def message_id_of(pair: Pair, data: Path) -> MessageIdOf:
    """Return what reads a message's ID in its pixel."""
    del pair
    ring = read_key_ring(data / KEY_RING_FILE)
    return lambda octets: unsealed(pixel_of(octets), ring).message_id


@pytest.fixture(scope="session")
def flows(
    running_byte_sink: ByteSink, pair: Pair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flows]:
    with contextlib.ExitStack() as stack:
        yield Flows(
            stack,
            relay=running_byte_sink.port,
            injector=pair.injector,
            log=tmp_path_factory.mktemp("flows") / "bridges.log",
        )


@pytest.fixture
def plain(flows: Flows, sink: ByteSink) -> Flow:
    """Return mail's way through a Postfix without a filter."""
    del sink
    return flows.plain()


@pytest.fixture
def unbridged(flows: Flows, sink: ByteSink) -> Flow:
    """Return a Postfix whose filter is the test's own to start, with nothing in its queue."""
    del sink
    flow = flows.unbridged(AFTER_QUEUE)
    flow.postfix.discard_all()
    return flow
