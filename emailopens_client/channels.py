"""Channels to a service: in the clear, or by TLS; with an API key, or without."""

import contextlib
import dataclasses
import functools
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, cast

import grpc

from emailopens_client.api_keys import ApiKeyFile

Options = Sequence[tuple[str, int]]


class TlsFilesUnusable(Exception):
    """A file that TLS needs cannot be used.  The text says which, and why; it holds no key."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """TLS, as a client speaks it.

    The files are read for each connection, so that one that has been renewed is used by the
    next: gRPC has nothing that replaces those of a channel.
    """

    ca: Path | None = None
    """Who signs the service's certificate, as PEM; None: the authorities that gRPC knows."""

    certificate: Path | None = None
    """The client's own, as PEM, with its chain; None: none is shown."""

    key: Path | None = None
    """The certificate's key; None: it is in the certificate's file."""

    def __post_init__(self) -> None:
        if self.key is not None and self.certificate is None:
            raise ValueError("a key needs the certificate that it belongs to")

    def credentials(self) -> grpc.ChannelCredentials:
        """Return what a channel needs of the files as they are now.

        Raises:
            TlsFilesUnusable: one is missing, is not PEM, or the key is another's.
        """
        ca = None if self.ca is None else _read(self.ca)
        if self.ca is not None and ca is not None:
            _check_authorities(self.ca, ca)
        if self.certificate is None:
            return grpc.ssl_channel_credentials(ca)
        key = self.key or self.certificate
        _check_pair(self.certificate, key)
        return grpc.ssl_channel_credentials(ca, _read(key), _read(self.certificate))


# What a channel takes: files, or what was made of them elsewhere.
Credentials = Tls | grpc.ChannelCredentials


@contextlib.asynccontextmanager
async def open_channel(
    target: str,
    *,
    credentials: Credentials | None = None,
    api_key: ApiKeyFile | None = None,
    options: Options = (),
) -> AsyncIterator[grpc.aio.Channel]:
    """Open a channel to *target* for the block, in the clear without *credentials*.

    Raises:
        TlsFilesUnusable: see `Tls.credentials`.
        ApiKeyUnusable: see `ApiKeyFile.read`.
    """
    key = None
    if api_key is not None:
        key = api_key.read(target, is_encrypted=credentials is not None)
    if isinstance(credentials, Tls):
        credentials = credentials.credentials()
    async with (
        grpc.aio.insecure_channel(target, options=options)
        if credentials is None
        else grpc.aio.secure_channel(target, credentials, options=options)
    ) as channel:
        yield channel if key is None else keyed(channel, key)


def keyed(channel: grpc.aio.Channel, key: str) -> grpc.aio.Channel:
    """Return *channel* as one whose calls carry *key*; it is closed as before."""
    # It has all that stubs ask of a channel.
    return cast("grpc.aio.Channel", _KeyedChannel(channel, key))


class _KeyedChannel:
    """A channel whose calls carry a key: whether it is encrypted or not.

    gRPC has call credentials for the one, which fail in the other, and interceptors, which
    put an object of their own around every call.
    """

    def __init__(self, channel: grpc.aio.Channel, key: str) -> None:
        self._channel = channel
        self._metadata = (("authorization", f"Bearer {key}"),)

    def unary_unary(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - gRPC's own
        """Return what calls a method with one response."""
        call = self._channel.unary_unary(*arguments, **options)
        return functools.partial(call, metadata=self._metadata)

    def unary_stream(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - gRPC's own
        """Return what calls a method with a stream of responses."""
        call = self._channel.unary_stream(*arguments, **options)
        return functools.partial(call, metadata=self._metadata)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TlsFilesUnusable(f"{path}: {error.strerror}") from error


# gRPC says nothing of files that it cannot use but that no connection succeeds; so they are
# tried with Python's own TLS before.


def _check_authorities(path: Path, octets: bytes) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(
            cadata=octets.decode("ascii", "ignore")
        )
    except (ssl.SSLError, ValueError):
        raise TlsFilesUnusable(f"{path}: not a certificate in PEM") from None


def _check_pair(certificate: Path, key: Path) -> None:
    try:
        # With an empty password, or a key that has one would be asked for at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        reason = (error.reason or "").replace("_", " ").lower() or "no PEM, or with a password"
        raise TlsFilesUnusable(f"{certificate} and {key}: {reason}") from None
    except OSError as error:
        raise TlsFilesUnusable(f"{certificate} and {key}: {error.strerror}") from error
