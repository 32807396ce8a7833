"""The channel to the injector, which is opened anew when its files may have changed."""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

import grpc

from emailopens.injector.v1 import injector_service_pb2_grpc as pb_grpc
from emailopens_client.channels import open_channel
from mail_bridge.delivery.settings import TrackingSettings
from service_runtime.target import OPTIONS

# An injector that comes back is noticed within a second; gRPC would take up to two minutes.
_OPTIONS: Final = (
    *OPTIONS,
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)


class InjectorChannel:
    """Lends a stub.  Keys and certificates are read when a channel is opened."""

    def __init__(self, settings: TrackingSettings) -> None:
        self._settings = settings
        self._current: _Opened | None = None

    async def open(self) -> None:
        """Open a channel for the calls that follow; running ones go on over the old one.

        Raises:
            ApiKeyUnusable, TlsFilesUnusable: a file cannot be used, and nothing changes.
        """
        opened = await _Opened.of(self._settings)
        old, self._current = self._current, opened
        if old is not None:
            await old.retire()

    async def close(self) -> None:
        """End it, and the calls that run."""
        if self._current is not None:
            await self._current.close()

    @contextlib.asynccontextmanager
    async def stub(self) -> "AsyncIterator[pb_grpc.InjectorServiceAsyncStub]":
        """Lend a stub for the calls of the block.

        Raises:
            RuntimeError: it was never opened.
        """
        opened = self._current
        if opened is None:
            raise RuntimeError("not opened")
        async with opened.used():
            yield opened.stub


class _Opened:
    """A channel, closed when it was retired and nobody uses it any more."""

    def __init__(self, stack: contextlib.AsyncExitStack, channel: grpc.aio.Channel) -> None:
        self.stub = pb_grpc.InjectorServiceStub(channel)
        self._stack = stack
        self._users = 0
        self._is_retired = False

    @classmethod
    async def of(cls, settings: TrackingSettings) -> "_Opened":
        async with contextlib.AsyncExitStack() as stack:
            channel = await stack.enter_async_context(
                open_channel(
                    settings.injector,
                    credentials=settings.tls,
                    api_key=settings.api_key,
                    options=_OPTIONS,
                )
            )
            return cls(stack.pop_all(), channel)

    @contextlib.asynccontextmanager
    async def used(self) -> AsyncIterator[None]:
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            await self._close_if_over()

    async def retire(self) -> None:
        self._is_retired = True
        await self._close_if_over()

    async def close(self) -> None:
        await self._stack.aclose()

    async def _close_if_over(self) -> None:
        if self._is_retired and not self._users:
            await self.close()
