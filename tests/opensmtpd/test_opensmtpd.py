"""What comes out of a real OpenSMTPD with the bridge, beside one without."""

import contextlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from examples.pair import Pair, free_ports
from tests.opensmtpd.opensmtpd import Configuration, running_opensmtpd
from tests.postfix.byte_sink import ByteSink
from tests.postfix.comparing import AWKWARD, delivered, messages, wrongly_changed
from tests.postfix.mail import a_message, mail_from, pixel_of, to
from tests.postfix.mail_flow_page import shown_below
from tests.postfix.servers import running_bridge
from tests.postfix.submission import submission

pytestmark = pytest.mark.timeout(300)

EACH_BY_ITSELF: Final = "Each recipient by itself"
AS_A_RELAY: Final = "As a relay"

# It adds these where they are missing, others each time.
ADDED: Final = b"Date: Mon, 5 Oct 2026 09:00:51 +0200\r\nMessage-ID: <1@example.org>\r\n"

RECIPIENTS: Final = ("anna@example.net", "ben@example.net", "chloe@example.net")

# Each is a process by itself: some of each kind are enough.
MESSAGES: Final = 40


@contextlib.contextmanager
def running_server(
    section: str, pair: Pair, sink: ByteSink, log: Path, *, messages_of_a_connection: int = 10_000
) -> Iterator[int]:
    """Run OpenSMTPD and the bridge as the page shows them in *section*; yields the port."""
    ports = {each: free_ports(1) for each in ("smtp", "bridge", "reinjection")}

    def put_into(text: str) -> str:
        """Return *text* with the tests' ports."""
        return text.replace("10025", str(ports["bridge"])).replace(
            "10026", str(ports["reinjection"])
        )

    shown = {place: put_into(text) for place, text in shown_below(section).items()}
    command = shlex.split(shown["mail-bridge"].replace("\\\n", ""))
    options = [*command[2:], f"--injector={pair.injector}"]
    configuration = Configuration(
        relay=sink.port,
        port=ports["smtp"],
        messages_of_a_connection=messages_of_a_connection,
        shown=shown["smtpd.conf"],
    )
    with (
        running_bridge(options, port=ports["bridge"], log=log / "bridge.log"),
        running_opensmtpd(configuration),
    ):
        yield ports["smtp"]


def sent() -> dict[str, bytes]:
    """Return some of the messages, spread over all kinds, with what OpenSMTPD would add."""
    found = {
        name: raw
        for name, raw in messages().items()
        if re.search(rb"^Date:", raw, re.MULTILINE)
        and re.search(rb"^Message-ID:", raw, re.IGNORECASE | re.MULTILINE)
    }
    found["awkward"] = ADDED + AWKWARD
    names = list(found)[:: max(len(found) // MESSAGES, 1)]
    return {name: found[name] for name in (*names, "awkward")}


@pytest.mark.parametrize("section", [EACH_BY_ITSELF, AS_A_RELAY])
def test_nothing_but_the_pixel_is_added(
    section: str, pair: Pair, sink: ByteSink, tmp_path: Path
) -> None:
    """What is delivered is what OpenSMTPD delivers without the bridge, and the pixel."""
    port = free_ports(1)
    with running_opensmtpd(Configuration(relay=sink.port, port=port)):
        plain = delivered(port, sink, sent(), may_refuse=True)
    taken = {name: raw for name, raw in sent().items() if name in plain}
    with running_server(section, pair, sink, tmp_path) as port:
        came = delivered(port, sink, taken)
    assert wrongly_changed(plain, came, hops=2, base_url=f"http://{pair.pixel_http}") == []


def test_each_recipient_gets_a_pixel_of_its_own(pair: Pair, sink: ByteSink, tmp_path: Path) -> None:
    """Three recipients get three messages, and no two of them the same pixel."""
    with running_server(EACH_BY_ITSELF, pair, sink, tmp_path) as port:
        with submission(port) as client:
            client.send(mail_from(), to(*RECIPIENTS), a_message())
        came = sink.wait_for(len(RECIPIENTS))

    assert sorted(each.addresses[0] for each in came) == list(RECIPIENTS)
    assert len({pixel_of(each.octets) for each in came} - {""}) == len(RECIPIENTS)


def test_several_recipients_wait_for_nobody_at_the_relay(
    pair: Pair, sink: ByteSink, tmp_path: Path
) -> None:
    """A message to several goes to all of them at once, untracked, as one to one is tracked."""
    with running_server(AS_A_RELAY, pair, sink, tmp_path) as port, submission(port) as client:
        client.send(mail_from(), to(*RECIPIENTS), a_message())
        (together,) = sink.wait_for(1)
        client.send(mail_from(), to(RECIPIENTS[0]), a_message())
        _, alone = sink.wait_for(2)

    assert sorted(together.addresses) == list(RECIPIENTS)
    assert pixel_of(together.octets) == ""
    assert alone.addresses == [RECIPIENTS[0]]
    assert pixel_of(alone.octets) != ""


def test_limit_of_a_connection_defers_nothing(pair: Pair, sink: ByteSink, tmp_path: Path) -> None:
    """The bridge has another connection when OpenSMTPD takes no more messages over one."""
    with running_server(AS_A_RELAY, pair, sink, tmp_path, messages_of_a_connection=1) as port:
        for number in range(2):
            with submission(port) as client:
                client.send(mail_from(), to(RECIPIENTS[0]), a_message(str(number)))
            # One after the other: what comes together has connections of its own.
            sink.wait_for(number + 1)
