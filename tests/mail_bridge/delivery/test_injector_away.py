"""Mail goes on whatever the injector does, and is tracked again when it can be."""

import asyncio
from collections.abc import Iterator

import pytest

from examples.pair import HOST, free_ports
from mail_bridge.delivery import WhenUntracked
from mail_bridge.smtp import Reply
from service_runtime.background import running
from tests.mail_bridge.a_bridge import HTML, configured
from tests.mail_bridge.a_next_hop import ANextHop
from tests.mail_bridge.an_injector import AnInjector, an_injector
from tests.mail_bridge.delivery.a_delivery import ADelivery, a_delivery

# Deliveries after which mail must be tracked again; one that is not waits for no longer.
MANY = 3_000

# A machine that is busy may not come to hear before the deadline that nobody is there.
AWAY = {"injector_away", "injector_deadline"}


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnInjector]:
    """Run an injector with a configuration as a process, once for all tests."""
    with an_injector(tmp_path_factory.mktemp("injector")) as process:
        asyncio.run(configured(process.address))
        yield process


@pytest.fixture
def mortal(process: AnInjector) -> AnInjector:
    """Return the injector, which runs, whatever another test has done."""
    process.start_again()
    return process


async def until_tracked(delivery: ADelivery, hop: ANextHop) -> None:
    """Send mail until it gets a pixel; each message arrives."""
    for _ in range(MANY):
        hop.received.clear()
        (reply,) = await delivery.deliver(HTML)
        assert reply.code == 250
        if b"<img" in hop.received[0].message:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("never tracked again")


@pytest.mark.guarantee("G11", "Mail goes on when the injector is away", "octet by octet as it came")
async def test_mail_goes_on_when_the_injector_is_killed(mortal: AnInjector) -> None:
    """It arrives as it came, and is tracked again once the injector runs again."""
    hop = ANextHop()
    async with a_delivery(hop, mortal.address, deadline_seconds=0.5) as delivery:
        await until_tracked(delivery, hop)
        hop.received.clear()
        mortal.kill()
        for _ in range(5):
            assert [each.code for each in await delivery.deliver(HTML)] == [250]
        assert [each.message for each in hop.received] == [HTML] * 5
        assert set(delivery.untracked()) <= AWAY
        assert delivery.injector.reach.is_away
        mortal.start()
        await until_tracked(delivery, hop)
        assert not delivery.injector.reach.is_away


@pytest.mark.guarantee("G11", "frozen")
async def test_mail_goes_on_when_the_injector_is_frozen(mortal: AnInjector) -> None:
    """Some messages wait for the deadline, and the others no more; it is seen when it goes on."""
    hop = ANextHop()
    async with a_delivery(hop, mortal.address, watches=False, deadline_seconds=0.5) as delivery:
        mortal.freeze()
        for _ in range(10):
            assert [each.code for each in await delivery.deliver(HTML)] == [250]
        assert [each.message for each in hop.received] == [HTML] * 10
        assert set(delivery.untracked()) <= AWAY
        assert delivery.injector.reach.is_away
        async with running(delivery.injector.watch()):
            mortal.thaw()
            await until_tracked(delivery, hop)


async def test_injector_that_starts_again_is_waited_for(mortal: AnInjector) -> None:
    """A restart that is shorter than the deadline costs no pixel."""
    hop = ANextHop()
    async with a_delivery(hop, mortal.address, watches=False) as delivery:
        mortal.kill()
        delivering = asyncio.create_task(delivery.deliver(HTML))
        await asyncio.to_thread(mortal.start)
        assert [each.code for each in await delivering] == [250]

    assert delivery.tracked() == 1.0
    assert [b"<img" in each.message for each in hop.received] == [True]


async def test_mail_may_wait_for_its_pixel() -> None:
    """With `defer` nothing goes on that could not be tracked, and the client keeps it."""
    hop = ANextHop()
    nobody = f"{HOST}:{free_ports(1)}"
    async with a_delivery(
        hop, nobody, deadline_seconds=0.3, when_untracked=WhenUntracked.DEFER
    ) as delivery:
        replies = await delivery.deliver(HTML, "a@example.net", "b@example.net")

    assert replies == [Reply(451, (b"4.3.0 Tracking is not available, try again later",))] * 2
    assert hop.received == []
    assert set(delivery.untracked()) <= AWAY
