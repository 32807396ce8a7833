"""`mail-bridge serve` starts as it was told, or says in one line why it cannot."""

import ipaddress
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from emailopens_client.api_keys import ApiKeyUnusable
from emailopens_client.channels import Tls, TlsFilesUnusable
from mail_bridge import server
from mail_bridge.cli.serve_options import all_options
from mail_bridge.cli.serve_settings import settings_of
from mail_bridge.delivery import WhenUntracked
from mail_bridge.front import FrontProtocol, SeveralRecipients
from mail_bridge.next_hop import NextHopProtocol, NextHopTls
from mail_bridge.settings import Settings
from service_runtime.drain import Drain
from service_runtime.listen import ListenError
from service_runtime.protection import NotProtected
from service_runtime.tls_files import TlsError, TlsFiles

_REFUSALS = (ApiKeyUnusable, ListenError, NotProtected, TlsError, TlsFilesUnusable)


def parsed(*arguments: str, **environment: str) -> Settings | str:
    """Return what the options mean, or what is wrong with them."""
    found: list[Settings] = []

    @click.command()
    @all_options
    def command(**options: Any) -> None:  # noqa: ANN401 - click's
        found.append(settings_of(options))

    result = CliRunner().invoke(command, arguments, env=environment)
    return found[0] if found else result.output.splitlines()[-1]


def test_without_options_it_is_a_filter_of_this_machine() -> None:
    """LMTP in, SMTP out, at the ports of Postfix' own documents, and mail passes."""
    settings = parsed()

    assert isinstance(settings, Settings)
    assert (settings.front, settings.next_hop) == (Settings().front, Settings().next_hop)
    assert settings.front.listen == "127.0.0.1:10025"
    assert (settings.next_hop.host, settings.next_hop.port) == ("127.0.0.1", 10026)
    assert settings.front.protocol is FrontProtocol.LMTP
    assert settings.tracking.when_untracked is WhenUntracked.PASS


def test_options_are_settings() -> None:
    """Each of them is taken from where it was said."""
    settings = parsed(
        "--protocol=smtp",
        "--several-recipients=pass",
        "--next-hop=[::1]:25",
        "--next-hop-tls=required",
        "--next-hop-ca=hop.pem",
        "--next-hop-connections=3",
        "--next-hop-timeout=7",
        "--next-hop-idle=2.5",
        "--injector=pixels.internal",
        "--injector-ca=ca.pem",
        "--configuration=news",
        "--configuration=more",
        "--injector-deadline=0.5",
        "--when-untracked=defer",
        "--hostname=mx.example.org",
        "--xforward-clients=192.0.2.0/24",
        "--max-recipients=5",
        "--tls-certificate=c",
        "--tls-key=k",
        "--require-tls",
        "--filter-socket=/run/filter",
        "--admin=127.0.0.1:9099",
    )

    assert isinstance(settings, Settings)
    assert settings.front.protocol is FrontProtocol.SMTP
    assert settings.front.several_recipients is SeveralRecipients.PASS
    assert settings.front.hostname == settings.next_hop.hello == "mx.example.org"
    assert settings.front.xforward_clients == (ipaddress.ip_network("192.0.2.0/24"),)
    assert settings.front.limits.max_recipients == 5
    assert settings.front.requires_tls
    assert (settings.next_hop.host, settings.next_hop.port) == ("::1", 25)
    assert settings.next_hop.tls is NextHopTls.REQUIRED
    assert settings.next_hop.ca == Path("hop.pem")
    assert settings.next_hop.connections == 3
    assert (settings.next_hop.timeout_seconds, settings.next_hop.idle_seconds) == (7.0, 2.5)
    assert settings.tracking.injector == "pixels.internal:50051"
    assert settings.tracking.tls == Tls(ca=Path("ca.pem"))
    assert settings.tracking.configuration_ids == ("news", "more")
    assert settings.tracking.deadline_seconds == 0.5
    assert settings.tracking.when_untracked is WhenUntracked.DEFER
    assert settings.mail_tls == TlsFiles(certificate=Path("c"), key=Path("k"))
    assert settings.filter_socket == Path("/run/filter")
    assert settings.admin == "127.0.0.1:9099"


@pytest.mark.parametrize(
    ("options", "takes_none"),
    [
        ((), False),
        (("--protocol=smtp",), False),
        (("--protocol=smtp", "--next-hop=mail.example.org:587"), True),
        (("--next-hop=mail.example.org:587",), False),
        (
            ("--protocol=smtp", "--next-hop=mail.example.org:587", "--next-hop-tls=required"),
            False,
        ),
    ],
)
def test_passwords_need_tls_to_another_machine(
    options: tuple[str, ...], *, takes_none: bool
) -> None:
    """What is missing is said at the start: applications would wonder why they cannot log in."""
    settings = parsed(*options)

    assert isinstance(settings, Settings)
    assert settings.takes_no_passwords == takes_none


@pytest.mark.parametrize("front", ["--protocol=lmtp", "--several-recipients=defer"])
def test_next_hop_may_speak_lmtp(front: str) -> None:
    """Its answers for single recipients reach whoever hears of single recipients."""
    settings = parsed("--protocol=smtp", front, "--next-hop-protocol=lmtp")

    assert isinstance(settings, Settings)
    assert settings.next_hop.protocol is NextHopProtocol.LMTP


def test_one_answer_for_all_needs_one_answer() -> None:
    """With several answers after it some would get each message again and again."""
    wrong = parsed("--protocol=smtp", "--several-recipients=pass", "--next-hop-protocol=lmtp")

    assert isinstance(wrong, str)
    assert "--several-recipients pass needs --next-hop-protocol smtp" in wrong


def test_variables_are_options() -> None:
    """Containers are told by their environment."""
    settings = parsed(
        EMAILOPENS_BRIDGE_NEXT_HOP="127.0.0.1:2525",
        EMAILOPENS_BRIDGE_CONFIGURATION="news more",
        EMAILOPENS_BRIDGE_INJECTOR_TLS="1",
    )

    assert isinstance(settings, Settings)
    assert settings.next_hop.port == 2525
    assert settings.tracking.configuration_ids == ("news", "more")
    assert settings.tracking.tls == Tls()


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--next-hop=nowhere", "'nowhere' is not HOST:PORT"),
        ("--listen=unix:/run/x", "only gRPC can be served at a Unix socket"),
        ("--xforward-clients=10.0.0.1/8", "has host bits set"),
        ("--require-tls", "--require-tls needs --tls-certificate and --tls-key"),
        ("--tls-certificate=c", "--tls-certificate and --tls-key belong together"),
        ("--injector-client-key=k", "needs --injector-client-certificate"),
        ("--max-held-octets=1000", "must not be less than --max-message-octets"),
        ("--protocol=uucp", "'uucp' is not one of"),
        ("--injector-deadline=nan", "is not a number"),
        ("--injector-deadline=five", "'five' is not a valid number"),
        ("--max-recipients=1001", "not in the range"),
        ("--hostname=a b", "is no name of a machine"),
    ],
)
def test_option_that_cannot_be_is_named(option: str, words: str) -> None:
    """In one line, before anything is started."""
    wrong = parsed(option)

    assert isinstance(wrong, str)
    assert words in wrong


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--listen=0.0.0.0:0"], "would be open to other machines"),
        (["--listen=127.0.0.1:0", "--admin=0.0.0.0:0"], "would be open to other machines"),
        (["--next-hop-tls=required", "--next-hop-ca=/none"], "/none: No such file"),
        (["--injector-api-key-file=/none"], "/none: No such file"),
        (["--injector-ca=/none"], "/none: No such file"),
        (["--tls-certificate=/none", "--tls-key=/none"], "/none: No such file"),
        (["--listen=192.0.2.1:25"], "cannot listen at 192.0.2.1:25"),
        (["--listen=127.0.0.1:0", "--filter-socket=/none/x"], "there is no folder /none"),
    ],
)
async def test_bridge_that_cannot_start_says_why(options: list[str], words: str) -> None:
    """The file or the address is named."""
    settings = parsed(*options)
    assert isinstance(settings, Settings)

    with pytest.raises(_REFUSALS, match=re.escape(words)):
        await server.serve(settings, Drain())


@pytest.mark.parametrize(
    ("options", "environment", "words"),
    [
        (["--injector-ca=/none"], {}, "mail-bridge: /none: No such file or directory\n"),
        ([], {"EMAILOPENS_BRIDGE_NEXTHOP": "x"}, "EMAILOPENS_BRIDGE_NEXTHOP"),
    ],
)
def test_mistake_is_one_line_and_a_status(
    options: list[str], environment: dict[str, str], words: str
) -> None:
    """Whether it is in a file or a variable that nobody reads."""
    done = subprocess.run(  # noqa: S603 - our own program
        [Path(sys.executable).with_name("mail-bridge"), "serve", "--listen=127.0.0.1:0", *options],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
