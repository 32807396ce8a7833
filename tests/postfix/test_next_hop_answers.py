"""What the server after the bridge answers, as a real Postfix hears it through the bridge."""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from examples.pair import Pair
from tests.postfix.byte_sink import CLOSE, SILENCE, ByteSink, Envelope
from tests.postfix.mail import MessageIdOf, a_message, mail_from, pixel_of, to
from tests.postfix.servers import CONFIGURATION, Flow, running_bridge
from tests.postfix.submission import submission

pytestmark = pytest.mark.timeout(180)

RECIPIENTS = ("anna@example.net", "ben@example.net", "chloe@example.net")


Bridged = Callable[..., contextlib.AbstractContextManager[object]]


class Times:
    """Says something a few times, and then yes."""

    def __init__(self, answer: str, *, times: int, recipient: str) -> None:
        self._answer = answer
        self._left = threading.Semaphore(times)
        self._recipient = recipient

    def __call__(self, envelope: Envelope) -> str:
        is_meant = envelope.addresses[-1:] == [self._recipient]
        if is_meant and self._left.acquire(blocking=False):
            return self._answer
        return "250 2.0.0 Ok"


@pytest.fixture
def bridged(unbridged: Flow, sink: ByteSink, pair: Pair, tmp_path: Path) -> Bridged:
    """Return what runs a bridge that hands mail of Postfix to the sink."""

    def running(*more: str) -> contextlib.AbstractContextManager[object]:
        options = [
            f"--listen=127.0.0.1:{unbridged.ports.bridge}",
            f"--next-hop=127.0.0.1:{sink.port}",
            f"--injector={pair.injector}",
            f"--configuration={CONFIGURATION}",
            *more,
        ]
        return running_bridge(options, port=unbridged.ports.bridge, log=tmp_path / "bridge.log")

    return running


@pytest.fixture
def flow(unbridged: Flow, bridged: Bridged) -> Iterator[Flow]:
    """Return Postfix with such a bridge."""
    with bridged():
        yield unbridged


def send(flow: Flow) -> None:
    """Send a message to all recipients."""
    with submission(flow.ports.smtp) as client:
        client.send(mail_from(), to(*RECIPIENTS), a_message())


def times_come(sink: ByteSink) -> Counter[str]:
    """Return how often a message was accepted for each recipient."""
    return Counter(address for each in sink.accepted for address in each.addresses)


@pytest.mark.parametrize("phase", ["to_recipient", "to_message"])
def test_only_who_was_deferred_is_tried_again(phase: str, flow: Flow, sink: ByteSink) -> None:
    """Two get the message at once, the third when the next hop takes it, and nobody gets two."""
    deferring = Times("450 4.2.1 Come back", times=2, recipient=RECIPIENTS[1])
    setattr(sink.answers, phase, deferring)
    send(flow)
    came = sink.wait_for(len(RECIPIENTS))
    flow.postfix.wait_until_empty()

    assert times_come(sink) == Counter(RECIPIENTS)
    assert [each.addresses[-1] for each in sink.refused] == [RECIPIENTS[1]] * 2
    assert len({pixel_of(each.octets) for each in came} - {""}) == len(RECIPIENTS)
    # Postfix has heard the very words.
    assert "450 4.2.1 Come back" in flow.postfix.log()


@pytest.mark.parametrize("phase", ["to_recipient", "to_message"])
def test_refusal_comes_back_to_the_sender(phase: str, flow: Flow, sink: ByteSink) -> None:
    """Who is refused for good is named in a bounce, with the words of the next hop."""
    refusing = Times("550 5.7.1 Not Ben, says the sink", times=1, recipient=RECIPIENTS[1])
    setattr(sink.answers, phase, refusing)
    send(flow)
    flow.postfix.wait_until_empty()
    (bounce,) = [each for each in sink.accepted if each.sender == ""]

    assert times_come(sink) == Counter([RECIPIENTS[0], RECIPIENTS[2], *bounce.addresses])
    assert b"550 5.7.1 Not Ben, says the sink" in bounce.octets.replace(b"\r\n   ", b"")


def test_next_hop_that_closes_after_the_message_gets_it_again(
    flow: Flow, sink: ByteSink, message_id_of: MessageIdOf
) -> None:
    """Without an answer nothing was accepted: that recipient's copy comes again, no other does."""
    sink.answers.to_message = Times(CLOSE, times=2, recipient=RECIPIENTS[0])
    send(flow)
    sink.wait_for(len(RECIPIENTS))
    flow.postfix.wait_until_empty()

    assert times_come(sink) == Counter(RECIPIENTS)
    assert [each.addresses for each in sink.refused] == [[RECIPIENTS[0]]] * 2
    # It is the same message each time: opens of whoever has it twice count as those of one.
    message_ids = [message_id_of(each.octets) for each in (*sink.accepted, *sink.refused)]
    assert len(set(message_ids)) == len(RECIPIENTS)


def test_bridge_that_is_replaced_doubles_nobody_it_knew_of(
    unbridged: Flow, bridged: Bridged, sink: ByteSink
) -> None:
    """Of a message whose first copy stalls the others have been delivered: they come once."""
    sink.answers.to_message = Times(SILENCE, times=1, recipient=RECIPIENTS[0])
    with bridged("--grace=1"):
        send(unbridged)
        sink.wait_for(len(RECIPIENTS) - 1)
    early = times_come(sink)
    with bridged():
        unbridged.postfix.flush()
        unbridged.postfix.wait_until_empty()

    assert early == Counter(RECIPIENTS[1:])
    assert times_come(sink) == Counter(RECIPIENTS)
