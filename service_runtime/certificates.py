"""Certificates of a process's ports, renewed while it runs.

Whoever renews them replaces several files, one after the other, or the symbolic links to
them.  So a change is noticed by what the names lead to, and what does not fit together is
looked at once more before anybody is told: until it does, the old ones are served.
"""

import asyncio
import contextlib
import datetime as dt
import ssl
import stat
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Final

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service_runtime.background import kept_running
from service_runtime.file_state import FileState, file_state
from service_runtime.tls_files import TlsError, TlsFiles
from service_runtime.tls_pair import load_pair

# Between two looks at the files. A look is one stat each, some microseconds.
_LOOK_SECONDS: Final = 1.0

_State = tuple[FileState, ...]

logger = structlog.get_logger()


class Certificate:
    """The certificate of one port, as its files have it."""

    def __init__(self, files: TlsFiles, *, port: str) -> None:
        """Load it.

        Args:
            files: where it is.
            port: which port serves it, for operators.

        Raises:
            TlsError: it cannot be used.
        """
        self.port = port
        self.refusals = 0
        """How often files have changed to something that cannot be used."""
        self._files = files
        self._loaded = self._failed = self._refused = _state_of(files)
        self.current = load_pair(files)
        if self.current.not_after < dt.datetime.now(dt.UTC):
            logger.warning("certificate has expired", port=port)
        if files.key.stat().st_mode & stat.S_IRWXO:
            logger.warning("others may read the certificate's key", port=port, key=str(files.key))

    @property
    def asks_clients(self) -> bool:
        """Whether clients must show a certificate, too."""
        return self._files.client_ca is not None

    def look(self) -> None:
        """Go over to what is in the files if that has changed."""
        state = _state_of(self._files)
        if state in (self._loaded, self._refused):
            return
        try:
            self.current = load_pair(self._files)
        except TlsError as error:
            if state == self._failed:
                self._refused = state
                self.refusals += 1
                logger.error(  # noqa: TRY400 - no traceback: a file is wrong
                    "certificate not renewed, keeping the old one",
                    port=self.port,
                    reason=str(error),
                )
            # The first time somebody may be in the middle of replacing them.
            self._failed = state
            return
        self._loaded = self._failed = self._refused = state
        logger.info(
            "certificate renewed", port=self.port, not_after=self.current.not_after.isoformat()
        )

    def http_context(self) -> ssl.SSLContext:
        """Return a context for a server of HTTP: each connection gets the present certificate."""
        context = self.current.context
        # Each pair has its own: a context trusts for ever whom it was told to trust, and one
        # that a new certificate was loaded into has lost its key.
        context.sni_callback = self._choose
        return context

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> None:
        connection.context = self.current.context


def _state_of(files: TlsFiles) -> _State:
    paths = (files.certificate, files.key, files.client_ca)
    return tuple(file_state(each) for each in paths if each is not None)


class Certificates(Collector):
    """The certificates of a process, by port; as a collector, their metrics."""

    def __init__(self, files: Mapping[str, TlsFiles | None]) -> None:
        """Load those of the ports that have any.

        Raises:
            TlsError: one cannot be used.
        """
        self._by_port = {
            port: Certificate(each, port=port) for port, each in files.items() if each is not None
        }

    def get(self, port: str) -> Certificate | None:
        """Return that of *port*; None if it does not speak TLS."""
        return self._by_port.get(port)

    async def follow(self) -> None:
        """Renew them whenever their files change, for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for each in self._by_port.values():
                each.look()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        not_after = GaugeMetricFamily(
            "certificate_not_after_seconds",
            "When the certificate that is served expires, in seconds since 1970.",
            labels=["port"],
        )
        refusals = CounterMetricFamily(
            "certificate_refusals",
            "Changes of a certificate's files to something that cannot be used.",
            labels=["port"],
        )
        for port, each in self._by_port.items():
            not_after.add_metric([port], each.current.not_after.timestamp())
            refusals.add_metric([port], each.refusals)
        yield not_after
        yield refusals


@contextlib.asynccontextmanager
async def following_certificates(
    files: Mapping[str, TlsFiles | None],
) -> AsyncIterator[Certificates]:
    """Lend the certificates of ports, renewed during the block.

    Raises:
        TlsError: one cannot be used.
    """
    certificates = Certificates(files)
    async with kept_running("certificates", certificates.follow):
        yield certificates
