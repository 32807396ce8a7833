"""An OpenSMTPD of the tests' own, unpacked and not installed: Debian has no place for two servers.

Its folders are part of the program.  It sees others there than everybody else does.
"""

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from examples.pair import HOST
from tests.postfix.unpacked import running_unpacked, write_users

ROOT: Final = Path(__file__).parents[2] / "build" / "opensmtpd"
OPENSMTPD: Final = ROOT / "usr" / "sbin" / "smtpd"

# Users that nobody has.
USERS: Final = {"opensmtpd": 65_110, "opensmtpq": 65_111}

# What it sees: its users, its programs and libraries, its queue, a folder to be confined to.
_RUN: Final = """
ldconfig -C {folder}/ld.so.cache {root}/usr/lib/x86_64-linux-gnu
for file in passwd group ld.so.cache; do mount --bind {folder}/$file /etc/$file; done
mount --bind {root}/usr/libexec /usr/libexec
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var/lib
mount -t tmpfs -o mode=755 tmpfs /var/spool
mkdir -p /var/lib/opensmtpd/empty
exec {opensmtpd} -d -f {folder}/smtpd.conf
"""

# All that it connects to is one host: it would wait for seconds between two connections.
_CONFIGURATION: Final = """\
smtp max-message-size 60M
smtp limit max-mails {most}
mta limit conn-delay-route 0
listen on {host} port {port}
{more}
"""

_WITHOUT_BRIDGE: Final = """\
action "send" relay
match from local for any action "send"
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What one of the servers has beyond what all of them have."""

    relay: int
    """The port of the server that mail goes on to in the end."""

    port: int
    """Where it listens."""

    messages_of_a_connection: int = 10_000
    """More than the tests send; its own limit is 100."""

    shown: str = _WITHOUT_BRIDGE
    """The piece of the page."""

    def text(self) -> str:
        """Return the configuration file."""
        to_relay = f'action "send" relay host smtp://{HOST}:{self.relay}\n'
        assert 'action "send" relay\n' in self.shown
        more = self.shown.replace('action "send" relay\n', to_relay)
        return _CONFIGURATION.format(
            host=HOST, port=self.port, most=self.messages_of_a_connection, more=more
        )


@contextlib.contextmanager
def running_opensmtpd(configuration: Configuration) -> Iterator[None]:
    """Run a server inside the block.  Skips where nothing can be mounted."""
    assert OPENSMTPD.exists(), "OpenSMTPD is not there: run `make test-opensmtpd`"
    with tempfile.TemporaryDirectory(prefix="opensmtpd-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        write_users(folder, USERS)
        (folder / "smtpd.conf").write_text(configuration.text(), "utf-8")
        script = _RUN.format(folder=folder, root=ROOT, opensmtpd=OPENSMTPD)
        with running_unpacked(script, folder=folder, port=configuration.port):
            yield
