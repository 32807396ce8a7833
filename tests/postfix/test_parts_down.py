"""Parts of the flow are killed, suspended or away, under mail of a real Postfix."""

import contextlib
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from examples.pair import HOST, free_ports, running_service
from tests.postfix.byte_sink import ByteSink
from tests.postfix.mail import a_message, mail_from, pixel_of, to
from tests.postfix.servers import Flow, create_configuration, running_bridge
from tests.postfix.submission import submission

pytestmark = pytest.mark.timeout(180)

RECIPIENTS: Final = ("anna@example.net", "ben@example.net")
MESSAGES: Final = 30

# Of the injector's answer, so that a suspended one does not hold the test up.
DEADLINE: Final = "--injector-deadline=1"


class Injector:
    """An injector service of the test's own, which comes and goes at one address."""

    def __init__(self, folder: Path) -> None:
        self.address = f"{HOST}:{free_ports(1)}"
        self._folder = folder

    @contextlib.contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run it inside the block."""
        options = [f"--grpc={self.address}", f"--data={self._folder}/data"]
        with (
            (self._folder / "injector.log").open("ab") as log,
            running_service("injector-service", options, ready_at=self.address, log=log) as process,
        ):
            yield process


@pytest.fixture(scope="module")
def injector(tmp_path_factory: pytest.TempPathFactory) -> Injector:
    """Return an injector that has a configuration, and does not run."""
    injector = Injector(tmp_path_factory.mktemp("injector"))
    with injector.running():
        create_configuration(injector.address)
    return injector


@contextlib.contextmanager
def bridged(flow: Flow, injector: Injector, folder: Path, *options: str) -> Iterator[None]:
    """Run the bridge of the page between *flow* and *injector* inside the block."""
    given = [*flow.bridge_options(), f"--injector={injector.address}", *options]
    with running_bridge(given, port=flow.ports.bridge, log=folder / "bridge.log"):
        yield


def send(flow: Flow, count: int, *, first: int = 0) -> None:
    """Send so many messages to all recipients, each of another sender."""
    with submission(flow.ports.smtp) as client:
        for number in range(first, first + count):
            client.send(mail_from(f"m{number}@example.org"), to(*RECIPIENTS), a_message())


def send_until_tracked(flow: Flow, sink: ByteSink, *, first: int) -> int:
    """Send messages one by one until one is tracked; return how many they were."""
    for count in range(1, MESSAGES + 1):
        send(flow, 1, first=first + count - 1)
        flow.postfix.wait_until_empty()
        if come(sink, tracked=True):
            return count
    raise AssertionError("none was tracked")


def come(sink: ByteSink, *, tracked: bool) -> Counter[tuple[str, str]]:
    """Return who got whose message how often, with a pixel or without."""
    return Counter(
        (each.sender, address)
        for each in sink.accepted
        for address in each.addresses
        if bool(pixel_of(each.octets)) == tracked
    )


def expected(count: int, *, first: int = 0) -> Counter[tuple[str, str]]:
    """Return what comes of so many messages."""
    return Counter(
        (f"m{number}@example.org", recipient)
        for number in range(first, first + count)
        for recipient in RECIPIENTS
    )


def test_mail_flows_while_the_injector_is_away(
    unbridged: Flow, sink: ByteSink, injector: Injector, tmp_path: Path
) -> None:
    """Without an injector messages pass as they are; with one again they have pixels again."""
    with bridged(unbridged, injector, tmp_path, DEADLINE):
        send(unbridged, 1)
        unbridged.postfix.wait_until_empty()
        untracked = come(sink, tracked=False)
        with injector.running():
            count = 1 + send_until_tracked(unbridged, sink, first=1)

    assert untracked == expected(1)
    assert come(sink, tracked=True) == expected(1, first=count - 1)
    assert come(sink, tracked=False) == expected(count - 1)


def test_injector_killed_under_mail_loses_and_doubles_nothing(
    unbridged: Flow, sink: ByteSink, injector: Injector, tmp_path: Path
) -> None:
    """Everybody gets every message once, whether the injector lived to see it or not."""
    with bridged(unbridged, injector, tmp_path, DEADLINE), injector.running() as process:
        first = send_until_tracked(unbridged, sink, first=0)
        came = len(sink.accepted)
        send(unbridged, MESSAGES, first=first)
        sink.wait_for(came + MESSAGES)
        process.kill()
        process.wait()
        send(unbridged, MESSAGES, first=first + MESSAGES)
        unbridged.postfix.wait_until_empty()

    tracked, untracked = come(sink, tracked=True), come(sink, tracked=False)
    assert tracked + untracked == expected(first + 2 * MESSAGES)
    assert untracked >= expected(MESSAGES, first=first + MESSAGES)


def test_suspended_injector_holds_no_mail_up(
    unbridged: Flow, sink: ByteSink, injector: Injector, tmp_path: Path
) -> None:
    """A message passes as it is when its time for the injector is over; later ones are tracked."""
    with bridged(unbridged, injector, tmp_path, DEADLINE), injector.running() as process:
        process.send_signal(signal.SIGSTOP)
        try:
            send(unbridged, 1)
            unbridged.postfix.wait_until_empty()
        finally:
            process.send_signal(signal.SIGCONT)
        untracked = come(sink, tracked=False)
        count = 1 + send_until_tracked(unbridged, sink, first=1)

    assert untracked == expected(1)
    assert come(sink, tracked=True) == expected(1, first=count - 1)
    assert come(sink, tracked=False) == expected(count - 1)


def test_mail_waits_for_the_injector_if_it_is_to(
    unbridged: Flow, sink: ByteSink, injector: Injector, tmp_path: Path
) -> None:
    """With `--when-untracked defer` nothing passes without a pixel, and nothing is lost."""
    with bridged(unbridged, injector, tmp_path, DEADLINE, "--when-untracked=defer"):
        send(unbridged, 1)
        unbridged.postfix.wait_until_deferred(1)
        deferred = sink.accepted
        with injector.running():
            unbridged.postfix.wait_until_empty()

    assert deferred == []
    assert come(sink, tracked=True) == expected(1)
    assert come(sink, tracked=False) == Counter()


def test_mail_waits_for_the_bridge(
    unbridged: Flow, sink: ByteSink, injector: Injector, tmp_path: Path
) -> None:
    """Without the bridge mail stays in Postfix' queue; with it, it is delivered with pixels."""
    send(unbridged, MESSAGES)
    unbridged.postfix.wait_until_deferred(1)
    early = sink.accepted
    with injector.running(), bridged(unbridged, injector, tmp_path):
        unbridged.postfix.flush()
        unbridged.postfix.wait_until_empty()

    assert early == []
    assert come(sink, tracked=True) == expected(MESSAGES)
    assert come(sink, tracked=False) == Counter()


def test_bridge_that_is_replaced_under_mail_doubles_nothing(
    unbridged: Flow, sink: ByteSink, injector: Injector, tmp_path: Path
) -> None:
    """A bridge that is stopped ends what it has begun: everybody gets every message once."""
    with injector.running():
        # A copy that the next hop has not answered for by the end of the grace comes again.
        with bridged(unbridged, injector, tmp_path, "--grace=20"):
            send(unbridged, MESSAGES)
            sink.wait_for(MESSAGES // 2)
        with bridged(unbridged, injector, tmp_path):
            unbridged.postfix.flush()
            unbridged.postfix.wait_until_empty()

    assert come(sink, tracked=True) == expected(MESSAGES)
    assert come(sink, tracked=False) == Counter()
