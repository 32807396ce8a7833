"""What comes out of a real Postfix with the bridge, octet by octet, beside one without."""

import pytest

from examples.pair import Pair
from tests.postfix.byte_sink import ByteSink
from tests.postfix.comparing import delivered, messages, with_pixel, without_received
from tests.postfix.flows import Flows
from tests.postfix.servers import (
    AFTER_QUEUE,
    BEFORE_QUEUE,
    ONE_RECIPIENT,
    STRAIGHT_ON,
    create_configuration,
)

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def sent(pair: Pair) -> dict[str, bytes]:
    """Return the messages, with the configuration that some of them name in their headers."""
    create_configuration(pair.injector, "spring")
    return messages()


@pytest.fixture(scope="module")
def unfiltered(
    flows: Flows, running_byte_sink: ByteSink, sent: dict[str, bytes]
) -> dict[str, bytes]:
    """Return what Postfix makes of the messages without a filter."""
    came = delivered(flows.plain().ports.smtp, running_byte_sink, sent)
    return {name: without_received(octets, 1) for name, octets in came.items()}


@pytest.mark.parametrize(
    ("section", "hops"),
    [(AFTER_QUEUE, 2), (ONE_RECIPIENT, 2), (STRAIGHT_ON, 1), (BEFORE_QUEUE, 2)],
)
def test_nothing_but_the_pixel_is_added(
    section: str,
    hops: int,
    flows: Flows,
    sink: ByteSink,
    pair: Pair,
    sent: dict[str, bytes],
    unfiltered: dict[str, bytes],
) -> None:
    """What is delivered is what Postfix delivers without the bridge, and the pixel."""
    came = delivered(flows.bridged(section).ports.smtp, sink, sent)

    base_url = f"http://{pair.pixel_http}"
    own = {name: without_received(octets, hops) for name, octets in came.items()}
    wrong = [
        name
        for name, octets in own.items()
        if octets != with_pixel(unfiltered[name], octets, base_url)
    ]
    changed = [name for name, octets in own.items() if octets != unfiltered[name]]
    assert wrong == []
    assert len(changed) > len(sent) // 2
