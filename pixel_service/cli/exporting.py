"""The work of an export: batch after batch, so that any number of opens takes the same memory."""

import contextlib
import dataclasses
import datetime as dt
import errno
import sys
from collections.abc import Callable, Iterable, Iterator

import click

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens_client import ApiKeyUnusable, OpenStream, TlsFilesUnusable
from pixel_service.cli.cursor_file import CursorFile
from pixel_service.cli.export_options import Wanted
from pixel_service.cli.export_progress import Progress
from pixel_service.cli.outages import Outages
from pixel_service.cli.output import as_json
from service_runtime.cli import OutputFailed


def json_lines(notifications: Iterable[pb.OpenNotification]) -> str:
    """Return a line for each of *notifications*: its canonical JSON."""
    return "".join(f"{as_json(each)}\n" for each in notifications)


def _write(text: str) -> None:
    """Write *text* to standard output: the same octets in every locale."""
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Exporting:
    """Writes those opens of a stream that are wanted."""

    wanted: Wanted
    rows: Callable[[Iterable[pb.OpenNotification]], str]
    heading: str
    cursors: CursorFile
    progress: Progress

    async def run(self, opens: OpenStream, outages: Outages) -> None:
        """Write all of them.

        Raises:
            OutputFailed: standard output takes no more.
            AioRpcError: what ends a stream for good.
        """
        heading = self.heading
        async with outages.watched(opens), opens:
            async for batch in opens.batches():
                chosen = [each for each in batch.notifications if self.wanted.has(each)]
                _write(heading + self.rows(chosen))
                heading = ""
                self.cursors.keep(batch.cursor)
                first, last = (
                    batch.notifications[index].open.open_time.ToDatetime(dt.UTC)
                    for index in (0, -1)
                )
                self.progress.reached(first, last, exported=len(chosen))
        _write(heading)
        self.cursors.keep(opens.cursor)

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show progress inside the block; say after it how much was exported, and what is left."""
        try:
            with self.progress.shown():
                yield
        except (TlsFilesUnusable, ApiKeyUnusable) as error:
            raise click.ClickException(str(error)) from error
        except BaseException as error:
            # Whoever reads a pipe and goes has seen enough.
            has_gone = isinstance(error, OutputFailed) and error.errno == errno.EPIPE
            if self.cursors.cursor and not has_gone:
                self.progress.say(f"{self._exported()} so far, go on with {self._option()}")
            raise
        self.progress.say(self._exported())
        if self.cursors.path is None:
            self.progress.say(f"cursor: {self.cursors.cursor}")

    def _exported(self) -> str:
        return f"{self.progress.exported} opens exported"

    def _option(self) -> str:
        if self.cursors.path is None:
            return f"--after-cursor {self.cursors.cursor}"
        return f"--cursor-file {self.cursors.path}"
