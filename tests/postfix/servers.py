"""The servers that the tests run: Postfix with each configuration of the page, and the bridge."""

import contextlib
import dataclasses
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import grpc

from emailopens.injector.v1 import configuration_service_pb2 as configuration_pb
from emailopens.injector.v1 import configuration_service_pb2_grpc as configuration_pb_grpc
from examples.pair import HOST, Pair, free_ports, pair_on_free_ports, running_pair
from tests.postfix.mail_flow_page import shown_below
from tests.postfix.postfix import Configuration, Postfix, running_postfix

AFTER_QUEUE: Final = "After the queue"
ALL_MAIL: Final = "All mail"
ONE_RECIPIENT: Final = "One recipient a delivery"
ONLY_SUBMITTED: Final = "Only what is submitted"
BEFORE_QUEUE: Final = "Before the queue"
STRAIGHT_ON: Final = "Straight on to a relay"

CONFIGURATION: Final = "newsletter"

# What each of the page's configurations consists of.
_SECTIONS: Final = {
    AFTER_QUEUE: (AFTER_QUEUE, ALL_MAIL),
    ONE_RECIPIENT: (AFTER_QUEUE, ALL_MAIL, ONE_RECIPIENT),
    ONLY_SUBMITTED: (AFTER_QUEUE, ONLY_SUBMITTED),
    BEFORE_QUEUE: (BEFORE_QUEUE,),
    STRAIGHT_ON: (STRAIGHT_ON,),
}

# Starting takes about a second; these only end what hangs.
START_SECONDS: Final = 60
STOP_SECONDS: Final = 30


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where one flow of mail goes in and through."""

    smtp: int = dataclasses.field(default_factory=lambda: free_ports(1))
    submission: int = dataclasses.field(default_factory=lambda: free_ports(1))
    bridge: int = dataclasses.field(default_factory=lambda: free_ports(1))
    reinjection: int = dataclasses.field(default_factory=lambda: free_ports(1))
    relay: int
    """Where mail goes in the end."""

    def put_into(self, text: str) -> str:
        """Return *text* of the page with these ports instead of those that it shows."""
        return (
            text.replace(f"{HOST}:10025", f"{HOST}:{self.bridge}")
            .replace(f"{HOST}:10026", f"{HOST}:{self.reinjection}")
            .replace("relay.example.net:25", f"{HOST}:{self.relay}")
            .replace("smtp inet ", f"{HOST}:{self.smtp} inet ")
            .replace("submission inet ", f"{HOST}:{self.submission} inet ")
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A running Postfix with a configuration of the page."""

    postfix: Postfix
    ports: Ports
    shown: Mapping[str, str]

    def bridge_options(self) -> list[str]:
        """Return the options of `mail-bridge serve` that the page shows for it."""
        command = shlex.split(self.ports.put_into(self.shown["mail-bridge"]).replace("\\\n", ""))
        assert command[:2] == ["mail-bridge", "serve"]
        return command[2:]


@contextlib.contextmanager
def running_flow(section: str, *, relay: int) -> Iterator[Flow]:
    """Run Postfix as the page shows it in *section* inside the block; without the bridge."""
    ports, shown = Ports(relay=relay), shown_below(*_SECTIONS[section])
    master = ports.put_into(shown["master.cf"])
    if f"{HOST}:{ports.smtp} inet" not in master:
        master += f"{HOST}:{ports.smtp} inet n - n - - smtpd\n"
    main = ports.put_into(shown.get("main.cf", ""))
    with running_postfix(Configuration(relay=relay, main=main, master=master)) as postfix:
        yield Flow(postfix=postfix, ports=ports, shown=shown)


@contextlib.contextmanager
def running_plain(*, relay: int) -> Iterator[Flow]:
    """Run Postfix without any filter inside the block."""
    ports = Ports(relay=relay)
    master = f"{HOST}:{ports.smtp} inet n - n - - smtpd\n"
    with running_postfix(Configuration(relay=relay, master=master)) as postfix:
        yield Flow(postfix=postfix, ports=ports, shown={})


def create_configuration(injector: str, configuration_id: str = CONFIGURATION) -> None:
    """Create a configuration; as a rule the one that the page's commands name."""
    with grpc.insecure_channel(injector) as channel:
        configuration_pb_grpc.ConfigurationServiceStub(channel).CreateConfiguration(
            configuration_pb.CreateConfigurationRequest(
                configuration=configuration_pb.Configuration(
                    id=configuration_id, open_notifications_enabled=True
                )
            ),
            timeout=START_SECONDS,
        )


@contextlib.contextmanager
def running_services(data: Path, *more: str) -> Iterator[Pair]:
    """Run both services inside the block, with the page's configuration and *more* of them."""
    with (
        (data / "log").open("wb") as log,
        running_pair(pair_on_free_ports(), data=data, log=log) as addresses,
    ):
        for each in (CONFIGURATION, *more):
            create_configuration(addresses.injector, each)
        yield addresses


@contextlib.contextmanager
def running_bridge(
    options: Sequence[str], *, port: int, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `mail-bridge serve <options>` inside the block, from when *port* is open on."""
    program = Path(sys.executable).with_name("mail-bridge")
    with (
        log.open("ab") as out,
        subprocess.Popen(  # noqa: S603 - our own program
            [program, "serve", *options], stdout=out, stderr=out
        ) as process,
    ):
        try:
            _wait_until_listening(process, port, log)
            yield process
        finally:
            # One that was suspended would not hear of its end.
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert process.poll() is None, log.read_text("utf-8", "replace")
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        assert time.monotonic() < deadline, log.read_text("utf-8", "replace")
        # Nothing tells when it listens.
        time.sleep(0.02)
