"""An Exim of the tests' own, unpacked and not installed: Debian has no place for it and Postfix.

It insists on a user of its own.  What it sees as /etc/passwd has one, and what everybody else
sees stays as it is.
"""

import contextlib
import dataclasses
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from examples.pair import HOST
from tests.postfix.unpacked import running_unpacked, write_users

ROOT: Final = Path(__file__).parents[2] / "build" / "exim"
EXIM: Final = ROOT / "usr" / "sbin" / "exim4"
LIBRARIES: Final = ROOT / "usr" / "lib" / "x86_64-linux-gnu"

# A user that nobody has; its group has the same number.
USER: Final = 65_100

_HOME: Final = Path("/root")

# What it sees: a user, its library (a program that changes users takes none from its
# environment), and what of root's folder that user has to run, without the rest of it.
_RUN: Final = """
ldconfig -C {folder}/ld.so.cache {libraries}
for file in passwd group ld.so.cache; do mount --bind {folder}/$file /etc/$file; done
if [ -n "{of_root}" ]; then
  for each in {of_root}; do
    mkdir -p {folder}/seen/$each
    mount --bind $each {folder}/seen/$each
  done
  mount -t tmpfs -o mode=755 tmpfs {home}
  for each in {of_root}; do
    mkdir -p $each
    mount --bind {folder}/seen/$each $each
  done
fi
exec {exim} -C {folder}/exim.conf -bdf -q1s
"""

_CONFIGURATION: Final = """
primary_hostname = exim.example
exim_path = {exim}
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/spool/exim.pid
keep_environment =
tls_advertise_hosts =
host_lookup =
message_size_limit = 60M
acl_smtp_rcpt = accept_all
acl_smtp_data = accept_all
{main}
begin acl
accept_all:
  accept
begin routers
{routers}
send:
  driver = manualroute
  route_list = * {host}
  self = send
  transport = {transport}
begin transports
out:
  driver = smtp
  port = {relay}
  allow_localhost
{transports}
begin retry
* * F,2h,1s
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What one of the servers has beyond what all of them have."""

    relay: int
    """The port of the server that mail goes on to in the end."""

    port: int
    """Where it listens."""

    shown: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Pieces of the page, by where they belong."""

    transport: str = "out"
    """How mail leaves it in the end."""

    def text(self, folder: Path) -> str:
        """Return the configuration file of a server in *folder*."""
        return _CONFIGURATION.format(
            exim=EXIM,
            folder=folder,
            host=HOST,
            relay=self.relay,
            transport=self.transport,
            main=self.shown.get("main", f"local_interfaces = {HOST}.{self.port}"),
            routers=self.shown.get("routers", ""),
            transports=self.shown.get("transports", ""),
        )


@contextlib.contextmanager
def running_exim(configuration: Configuration) -> Iterator[Path]:
    """Run a server inside the block; yields its folder.  Skips where no file can be mounted."""
    assert EXIM.exists(), "Exim is not there: run `make test-exim`"
    with tempfile.TemporaryDirectory(prefix="exim-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _set_up(folder, configuration)
        script = _RUN.format(
            folder=folder, exim=EXIM, libraries=LIBRARIES, home=_HOME, of_root=" ".join(_of_root())
        )
        with running_unpacked(script, folder=folder, port=configuration.port):
            yield folder


def _of_root() -> list[str]:
    """Return the folders with programs that are in root's own."""
    places = (Path(sys.base_prefix), Path(__file__).parents[2])
    return [str(each) for each in places if each.is_relative_to(_HOME)]


def _set_up(folder: Path, configuration: Configuration) -> None:
    folder.chmod(0o755)
    for each in ("spool", "log"):
        (folder / each).mkdir()
        shutil.chown(folder / each, USER, USER)
    write_users(folder, {"Debian-exim": USER})
    (folder / "exim.conf").write_text(configuration.text(folder), "utf-8")
