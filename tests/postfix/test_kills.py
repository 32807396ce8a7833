"""The bridge is killed at random moments with a real Postfix' queue behind it.

A few kills here; `make test-postfix-kills` makes 100.
"""

import os
import random
import re
import signal
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from examples.pair import Pair
from tests.postfix.byte_sink import ByteSink
from tests.postfix.flows import Flows
from tests.postfix.mail import MessageIdOf, a_message, mail_from, to
from tests.postfix.servers import AFTER_QUEUE, STRAIGHT_ON, Flow, running_bridge
from tests.postfix.submission import submission

KILLS: Final = int(os.environ.get("EMAILOPENS_CRASH_KILLS", "5"))

pytestmark = pytest.mark.timeout(120 + 10 * KILLS)

# A bridge needs about as long for the messages as it has to live.
MESSAGES_EACH: Final = 15
MAX_SECONDS: Final = 0.4

RECIPIENTS: Final = ("anna@example.net", "ben@example.net", "chloe@example.net")

# Copies between the two answers at a kill are at most those of all connections of Postfix'
# LMTP client, whose number the page shows.
IN_FLIGHT: Final = 20 * len(RECIPIENTS)

# What Postfix' LMTP client logs of a recipient whose message it has handed over and for whom it
# got no answer.  Others that wait for the same destination are said to have the same fault.
_UNANSWERED: Final = re.compile(
    r"postfix/lmtp\[\d+\]: (?P<queue_id>[0-9A-Za-z]+): to=<(?P<address>[^>]+)>, .*"
    r"while sending end of data -- message may be sent more than once"
)


# An answer of the bridge that makes Postfix try again, or give up: none is due in these tests.
_REFUSED: Final = re.compile(r"postfix/lmtp\[\d+\]: .*\) said: [45]\d\d")


@pytest.mark.parametrize("section", [AFTER_QUEUE, STRAIGHT_ON])
def test_bridge_killed_at_random_loses_nothing(
    section: str,
    flows: Flows,
    sink: ByteSink,
    pair: Pair,
    message_id_of: MessageIdOf,
    tmp_path: Path,
    record_table: dict[str, list[str]],
) -> None:
    """Everybody gets every message, and twice only if the kill fell between the two answers.

    Straight on to the sink it is seen of which bridge each copy came: none brings one twice.
    """
    unbridged = flows.unbridged(section)
    unbridged.postfix.discard_all()
    moments = random.Random(73)  # noqa: S311 - moments, not secrets
    options = [*unbridged.bridge_options(), f"--injector={pair.injector}"]
    queue_ids: dict[str, str] = {}
    for kill in range(KILLS):
        queue_ids |= sent(unbridged, first=len(queue_ids))
        with running_bridge(
            [*options, f"--hostname=bridge{kill}.example"],
            port=unbridged.ports.bridge,
            log=tmp_path / "bridge.log",
        ) as bridge:
            unbridged.postfix.flush()
            signal.sigtimedwait([], moments.uniform(0, MAX_SECONDS))
            bridge.kill()
            bridge.wait()
    with running_bridge(options, port=unbridged.ports.bridge, log=tmp_path / "bridge.log"):
        unbridged.postfix.flush()
        unbridged.postfix.wait_until_empty()

    came = Counter((each.sender, each.addresses[0]) for each in sink.accepted)
    assert came.keys() == {(sender, to_) for sender in queue_ids for to_ in RECIPIENTS}
    log = unbridged.postfix.log()
    # So whatever comes again had no answer.
    assert _REFUSED.findall(log) == []
    unanswered = Counter(
        (found["queue_id"], found["address"]) for found in _UNANSWERED.finditer(log)
    )
    if section == STRAIGHT_ON:
        of_bridge = Counter((each.client, each.sender, each.addresses[0]) for each in sink.accepted)
        assert of_bridge.total() == len(of_bridge)
    too_many = {
        copy: count
        for copy, count in came.items()
        if count > 1 + unanswered[queue_ids[copy[0]], copy[1]]
    }
    assert too_many == {}
    # Whoever has two has the same message twice: their opens count as those of one.
    message_ids = {
        (each.sender, each.addresses[0], message_id_of(each.octets)) for each in sink.accepted
    }
    assert len(message_ids) == len(came)
    doubled = came.total() - len(came)
    assert doubled <= unanswered.total() <= KILLS * IN_FLIGHT
    record_table[f"bridge killed with a queue behind it, {section.lower()}"] = [
        f"{KILLS} kills, {len(came)} copies, {unanswered.total()} unanswered, {doubled} doubled"
    ]


def sent(flow: Flow, *, first: int) -> dict[str, str]:
    """Send some messages; return their IDs in Postfix' queue by their senders."""
    queue_ids = {}
    with submission(flow.ports.smtp) as client:
        for number in range(first, first + MESSAGES_EACH):
            sender = f"m{number}@example.org"
            answer = client.send(mail_from(sender), to(*RECIPIENTS), a_message())
            queue_ids[sender] = answer.split()[-1]
    return queue_ids
