"""A Postfix of the tests' own: its folders, ports and configuration are nobody else's.

It needs root, because Postfix does, and is started and stopped by Postfix' own command.
"""

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"

# A command takes some hundredths of a second; these only end what hangs.
COMMAND_SECONDS: Final = 60
EMPTY_SECONDS: Final = 60

# Where messages wait, in the folder of the queue.
_QUEUES: Final = ("maildrop", "incoming", "active", "deferred")

_MAIN: Final = """\
compatibility_level = 3.6
myhostname = mta.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = loopback-only
inet_protocols = ipv4
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
alias_maps =
alias_database =
local_recipient_maps =
relayhost = [127.0.0.1]:{relay}
disable_dns_lookups = yes
smtp_host_lookup = native
smtp_line_length_limit = 0
smtpd_relay_restrictions = permit_mynetworks, reject
# What is missing stays missing: dates and IDs would differ from run to run.
local_header_rewrite_clients =
# A message of the tests' own clients, who send many at once, is taken at its word.
in_flow_delay = 0
# Short ones are given again, and then a line of the log says nothing of which message it is.
enable_long_queue_ids = yes
# So little above the large message of the tests that a pixel is too much.
message_size_limit = 25001000
# Seconds, where a server has minutes.
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
"""

_MASTER: Final = """\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What a server of the tests has beyond what all of them have."""

    relay: int
    """The port of the server that mail goes on to in the end."""

    main: str = ""
    """More of main.cf."""

    master: str
    """More of master.cf: all that listens."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Postfix:
    """A running Postfix."""

    folder: Path

    def flush(self) -> None:
        """Have all that is deferred tried now."""
        self._run("postqueue", "-f")

    def queue(self) -> list[dict[str, object]]:
        """Return the messages that wait, as `postqueue -j` shows them."""
        return [json.loads(line) for line in self._run("postqueue", "-j").splitlines()]

    def waiting(self) -> int:
        """Return how many messages wait, by their files: fast, and all of them."""
        return self._waiting(*_QUEUES)

    def wait_until_deferred(self, count: int) -> None:
        """Wait until so many messages are deferred."""
        deadline = time.monotonic() + EMPTY_SECONDS
        # Nothing tells when one is.
        while self._waiting("deferred") < count:
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def discard_all(self) -> None:
        """Remove what waits."""
        self._run("postsuper", "-d", "ALL")

    def wait_until_empty(self) -> None:
        """Wait until nothing waits any more."""
        deadline = time.monotonic() + EMPTY_SECONDS
        # Nothing tells when a queue is empty.
        while self.waiting():
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def log(self) -> str:
        """Return what it has logged."""
        return (self.folder / "mail.log").read_text("utf-8", "replace")

    def _waiting(self, *queues: str) -> int:
        folders = (self.folder / "queue" / each for each in queues)
        return sum(len(files) for each in folders for _, _, files in os.walk(each))

    def _run(self, program: str, *arguments: str) -> str:
        return _run(program, self.folder, *arguments)


@contextlib.contextmanager
def running_postfix(configuration: Configuration) -> Iterator[Postfix]:
    """Run a server inside the block."""
    assert shutil.which("postfix") is not None, "Postfix is not installed: run `make test-postfix`"
    assert os.geteuid() == 0, "Postfix is started by root only"
    # Not pytest's own folders, which lead through some that are root's alone: Postfix' processes
    # are another user's.
    with tempfile.TemporaryDirectory(prefix="postfix-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        _set_up(folder, configuration)
        _run("postfix", folder, "start")
        try:
            yield Postfix(folder=folder)
        finally:
            _run("postfix", folder, "stop")


def _set_up(folder: Path, configuration: Configuration) -> None:
    for each in ("etc", "queue", "data"):
        (folder / each).mkdir(mode=0o755)
    shutil.chown(folder / "data", "postfix")
    main = _MAIN.format(folder=folder, relay=configuration.relay) + configuration.main
    (folder / "etc/main.cf").write_text(main, "utf-8")
    (folder / "etc/master.cf").write_text(_MASTER + configuration.master, "utf-8")


def _run(program: str, folder: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - Postfix' own programs
        [program, "-c", folder / "etc", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_SECONDS,
    )
    assert done.returncode == 0, f"{program} {arguments}: {done.stderr}"
    return done.stdout
