"""What comes out of a real Exim with the bridge, beside one without: by LMTP and by its filter."""

import contextlib
import shlex
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from examples.pair import HOST, Pair, free_ports
from tests.exim.exim import USER, Configuration, running_exim
from tests.postfix.byte_sink import ByteSink, Envelope
from tests.postfix.comparing import delivered, messages, wrongly_changed
from tests.postfix.mail import a_message, mail_from, pixel_of, to
from tests.postfix.mail_flow_page import shown_below
from tests.postfix.servers import running_bridge
from tests.postfix.submission import submission

pytestmark = pytest.mark.timeout(300)

BY_LMTP: Final = "By LMTP"
BY_FILTER: Final = "By its filter"

PROGRAM: Final = Path(sys.executable).with_name("mail-bridge")

RECIPIENTS: Final = ("anna@example.net", "ben@example.net", "chloe@example.net")

# RFC 5322 section 2.1.1.
MAX_LINE_OCTETS: Final = 998

# Each is a process for the filter, and several for Exim: some of each kind are enough.
MESSAGES: Final = 40


@contextlib.contextmanager
def running_server(section: str, pair: Pair, sink: ByteSink) -> Iterator[int]:
    """Run Exim and the bridge as the page shows them in *section*; yields Exim's port."""
    with tempfile.TemporaryDirectory(prefix="exim-") as name:
        folder = Path(name)
        # Exim's user looks for the bridge's socket here.
        folder.chmod(0o755)
        ports = {each: free_ports(1) for each in ("smtp", "bridge", "reinjection")}
        shown = shown_with(section, ports, relay=sink.port, socket=folder / "filter")
        configuration = Configuration(
            relay=sink.port,
            port=ports["smtp"],
            shown=shown,
            transport="out" if section == BY_LMTP else "with_pixels",
        )
        options = [
            *shlex.split(shown["mail-bridge"])[2:],
            f"--injector={pair.injector}",
            f"--listen={HOST}:{ports['bridge']}",
        ]
        with (
            running_bridge(options, port=ports["bridge"], log=folder / "bridge.log"),
            running_exim(configuration),
        ):
            if section == BY_FILTER:
                # As if the bridge were run as that user.
                shutil.chown(folder / "filter", USER, USER)
            yield ports["smtp"]


def shown_with(section: str, ports: dict[str, int], *, relay: int, socket: Path) -> dict[str, str]:
    """Return what the page shows in *section*, with the tests' ports and paths."""
    used = {
        "0.0.0.0.25": f"{HOST}.{ports['smtp']}",
        "port = 25\n": f"port = {relay}\n",
        "10025": str(ports["bridge"]),
        "10026": str(ports["reinjection"]),
        "/usr/bin/mail-bridge filter": f"{PROGRAM} filter --socket {socket}",
        "/run/mail-bridge/filter": str(socket),
    }

    def put_into(text: str) -> str:
        for old, new in used.items():
            text = text.replace(old, new)
        return text

    return {place: put_into(text) for place, text in shown_below(section).items()}


def sent() -> dict[str, bytes]:
    """Return some of the messages, spread over all kinds; Exim refuses lines that are too long."""
    found = [
        (name, raw)
        for name, raw in messages().items()
        if max(map(len, raw.split(b"\r\n"))) <= MAX_LINE_OCTETS
    ]
    return dict(found[:: max(len(found) // MESSAGES, 1)])


@pytest.mark.parametrize(("section", "hops"), [(BY_LMTP, 2), (BY_FILTER, 1)])
def test_nothing_but_the_pixel_is_added(
    section: str, hops: int, pair: Pair, sink: ByteSink
) -> None:
    """What is delivered is what Exim delivers without the bridge, and the pixel."""
    port = free_ports(1)
    with running_exim(Configuration(relay=sink.port, port=port)):
        plain = delivered(port, sink, sent())
    with running_server(section, pair, sink) as port:
        came = delivered(port, sink, sent())
    base_url = f"http://{pair.pixel_http}"
    assert wrongly_changed(plain, came, hops=hops, base_url=base_url) == []


@pytest.mark.parametrize("section", [BY_LMTP, BY_FILTER])
def test_each_recipient_gets_a_pixel_of_its_own(section: str, pair: Pair, sink: ByteSink) -> None:
    """Three recipients get three messages, and no two of them the same pixel."""
    with running_server(section, pair, sink) as port:
        with submission(port) as client:
            client.send(mail_from(), to(*RECIPIENTS), a_message())
        came = sink.wait_for(len(RECIPIENTS))

    assert sorted(each.addresses[0] for each in came) == list(RECIPIENTS)
    assert len({pixel_of(each.octets) for each in came} - {""}) == len(RECIPIENTS)


def test_only_who_was_deferred_is_tried_again(pair: Pair, sink: ByteSink) -> None:
    """By its filter Exim delivers each copy by itself, and nobody gets two."""
    deferrals = iter(["450 4.2.1 Come back"])

    def defer_once(envelope: Envelope) -> str:
        is_meant = envelope.addresses[-1] == RECIPIENTS[1]
        return next(deferrals, "250 2.0.0 Ok") if is_meant else "250 2.0.0 Ok"

    sink.answers.to_recipient = defer_once
    with running_server(BY_FILTER, pair, sink) as port:
        with submission(port) as client:
            client.send(mail_from(), to(*RECIPIENTS), a_message())
        sink.wait_for(len(RECIPIENTS))

    assert Counter(each.addresses[0] for each in sink.accepted) == Counter(RECIPIENTS)
    assert [each.addresses for each in sink.refused] == [[RECIPIENTS[1]]]
