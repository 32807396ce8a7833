"""Postfix logs in at a relay through the bridge, which knows no password."""

import base64
import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from examples.pair import HOST, Pair, free_ports
from tests.postfix.byte_sink import ByteSink
from tests.postfix.mail import a_message, mail_from, pixel_of, to
from tests.postfix.mail_flow_page import shown_below
from tests.postfix.postfix import Configuration, Postfix, running_postfix
from tests.postfix.servers import running_bridge
from tests.postfix.submission import submission

pytestmark = pytest.mark.timeout(120)

SECTION: Final = "A relay that asks for a password"

RECIPIENTS: Final = ("anna@example.net", "ben@example.net", "chloe@example.net")

PASSWORD: Final = "swordfish"  # noqa: S105 - nobody's
PLAIN: Final = base64.b64encode(b"\0user\0" + PASSWORD.encode()).decode()


@contextlib.contextmanager
def running_server(pair: Pair, sink: ByteSink, folder: Path) -> Iterator[tuple[Postfix, int]]:
    """Run Postfix and the bridge as the page shows them; yields Postfix and its port."""
    ports = {each: free_ports(1) for each in ("smtp", "bridge")}
    used = {
        "relay.example.net:587": f"{HOST}:{sink.port}",
        " --next-hop-tls required": "",
        "user:password": f"user:{PASSWORD}",
        ":10025": f":{ports['bridge']}",
        "/etc/postfix/relay_password": str(folder / "relay_password"),
        "\\\n": "",
    }

    def put_into(text: str) -> str:
        for old, new in used.items():
            text = text.replace(old, new)
        return text

    shown = {place: put_into(text) for place, text in shown_below(SECTION).items()}
    (folder / "relay_password").write_text(shown["relay_password"], "utf-8")
    options = [*shlex.split(shown["mail-bridge"])[2:], f"--injector={pair.injector}"]
    configuration = Configuration(
        relay=sink.port,
        main=shown["main.cf"],
        master=f"{HOST}:{ports['smtp']} inet n - n - - smtpd\n",
    )
    with (
        running_bridge(options, port=ports["bridge"], log=folder / "bridge.log"),
        running_postfix(configuration) as postfix,
    ):
        yield postfix, ports["smtp"]


def test_each_copy_is_sent_by_who_has_logged_in(pair: Pair, sink: ByteSink, tmp_path: Path) -> None:
    """The relay hears Postfix' own login for each copy, and the bridge's log nothing of it."""
    sink.answers.to_login = lambda _argument: "235 2.7.0 Welcome"
    with running_server(pair, sink, tmp_path) as (postfix, port):
        with submission(port) as client:
            client.send(mail_from(), to(*RECIPIENTS), a_message())
        came = sink.wait_for(len(RECIPIENTS))
        postfix.wait_until_empty()

    assert sorted(each.addresses[0] for each in came) == list(RECIPIENTS)
    assert {each.login for each in came} == {f"PLAIN {PLAIN}"}
    assert len({pixel_of(each.octets) for each in came} - {""}) == len(RECIPIENTS)
    said = (tmp_path / "bridge.log").read_text("utf-8")
    assert PASSWORD not in said
    assert PLAIN not in said


def test_mail_waits_while_the_password_is_wrong(pair: Pair, sink: ByteSink, tmp_path: Path) -> None:
    """What the relay says of the login reaches Postfix, which keeps the message and tries again."""
    is_right = False

    def answer(_argument: str) -> str:
        return "235 2.7.0 Welcome" if is_right else "535 5.7.8 Nobody has that password"

    sink.answers.to_login = answer
    with running_server(pair, sink, tmp_path) as (postfix, port):
        with submission(port) as client:
            client.send(mail_from(), to(RECIPIENTS[0]), a_message())
        postfix.wait_until_deferred(1)
        assert "535 5.7.8 Nobody has that password" in postfix.log()
        is_right = True
        postfix.flush()
        (came,) = sink.wait_for(1)

    assert came.login == f"PLAIN {PLAIN}"
    assert pixel_of(came.octets) != ""
