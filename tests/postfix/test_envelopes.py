"""Envelopes, many recipients and large messages through a real Postfix with the bridge."""

import re
from typing import Final

import pytest

from tests.postfix.byte_sink import ByteSink, Envelope
from tests.postfix.flows import Flows
from tests.postfix.mail import a_message, mail_from, pixel_of, to
from tests.postfix.servers import (
    AFTER_QUEUE,
    BEFORE_QUEUE,
    ONE_RECIPIENT,
    ONLY_SUBMITTED,
    Flow,
)
from tests.postfix.submission import submission

pytestmark = pytest.mark.timeout(180)

SECTIONS: Final = (AFTER_QUEUE, ONE_RECIPIENT, BEFORE_QUEUE)

# Every parameter that Postfix knows, with values whose case and encoding must stay. It writes
# NOTIFY in this order.
MAIL: Final = " BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=Ab+2BcD"
RECIPIENT: Final = (
    "TO:<Jürgen@example.net> NOTIFY=FAILURE,DELAY ORCPT=utf-8;J\\x{FC}rgen@Example.net"
)

MANY: Final = 50

# Postfix' limit in these tests has just room for the field that it puts before a message.
LARGE: Final = 25_000_000


def envelope_of(flow: Flow, sink: ByteSink) -> Envelope:
    """Send a message with all parameters; return it as it came."""
    sink.clear()
    with submission(flow.ports.smtp) as client:
        client.send(mail_from(parameters=MAIL), [RECIPIENT], a_message())
    (came,) = sink.wait_for(1)
    return came


def without_size(mail: str) -> str:
    """Return the argument of MAIL without what the pixel changes."""
    return re.sub(r" SIZE=\d+", "", mail)


@pytest.mark.parametrize("section", SECTIONS)
def test_parameters_are_passed_on(section: str, flows: Flows, sink: ByteSink) -> None:
    """MAIL and RCPT come to the next server as they do without the bridge, but for the size."""
    plain = envelope_of(flows.plain(), sink)
    bridged = envelope_of(flows.bridged(section), sink)

    assert without_size(bridged.mail) == without_size(plain.mail)
    assert bridged.recipients == plain.recipients
    assert set(MAIL.split()) <= set(bridged.mail.split())
    assert set(RECIPIENT.split()) == set(bridged.recipients[0].split())
    assert pixel_of(bridged.octets) != ""


@pytest.mark.parametrize("section", SECTIONS)
def test_client_is_known_after_the_bridge(section: str, flows: Flows, sink: ByteSink) -> None:
    """Postfix' second half logs whom its first half has spoken with (XFORWARD)."""
    flow = flows.bridged(section)
    envelope_of(flow, sink)

    assert ", orig_client=localhost[127.0.0.1]" in flow.postfix.log()


@pytest.mark.parametrize("section", [AFTER_QUEUE, ONE_RECIPIENT])
def test_each_of_many_recipients_gets_a_pixel_of_its_own(
    section: str, flows: Flows, sink: ByteSink
) -> None:
    """Each of 50 recipients gets one message, and no two of them the same pixel."""
    recipients = [f"reader{number}@example.net" for number in range(MANY)]
    flow = flows.bridged(section)
    with submission(flow.ports.smtp) as client:
        client.send(mail_from(), to(*recipients), a_message())
    came = sink.wait_for(MANY)
    flow.postfix.wait_until_empty()

    assert sorted(each.addresses[0] for each in sink.accepted) == sorted(recipients)
    pixels = {pixel_of(each.octets) for each in came}
    assert len(pixels) == MANY
    assert "" not in pixels


def test_many_recipients_pass_untracked_before_the_queue(flows: Flows, sink: ByteSink) -> None:
    """Where there is one answer for all, all of 50 recipients get the message as it was sent."""
    recipients = [f"reader{number}@example.net" for number in range(MANY)]
    flow = flows.bridged(BEFORE_QUEUE)
    with submission(flow.ports.smtp) as client:
        client.send(mail_from(), to(*recipients), a_message())
    flow.postfix.wait_until_empty()

    assert sorted(address for each in sink.accepted for address in each.addresses) == sorted(
        recipients
    )
    assert {pixel_of(each.octets) for each in sink.accepted} == {""}


@pytest.mark.parametrize("section", SECTIONS)
def test_large_message_passes(section: str, flows: Flows, sink: ByteSink) -> None:
    """25 MB come with a pixel, and what is too large only with it is not refused for that."""
    with submission(flows.bridged(section).ports.smtp) as client:
        client.send(mail_from(), to("reader@example.net"), a_message(size=LARGE))
    (came,) = sink.wait_for(1)

    assert came.addresses == ["reader@example.net"]
    assert len(came.octets) > LARGE - 100
    assert pixel_of(came.octets) != ""


def test_only_submitted_mail_is_tracked(flows: Flows, sink: ByteSink) -> None:
    """Mail that comes by another port than the one with the filter has no pixel."""
    ports = flows.bridged(ONLY_SUBMITTED).ports
    for port in (ports.smtp, ports.submission):
        with submission(port) as client:
            client.send(mail_from(f"p{port}@example.org"), to("reader@example.net"), a_message())
    tracked = {each.sender for each in sink.wait_for(2) if pixel_of(each.octets)}

    assert tracked == {f"p{ports.submission}@example.org"}
