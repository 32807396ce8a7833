"""What a command that reads opens says while the service does not answer."""

import math
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

import click
import grpc

from emailopens_client import OpenStream, is_pause
from service_runtime.channel import describe_error
from service_runtime.waiting import said_if_silent, say

# Failures that are less than this apart are of one outage: attempts are 30 s apart at
# most, and gRPC gives each about 20 s.
_OUTAGE_SECONDS: Final = 60.0


class Outages:
    """Says what is waited for, once an outage; waits for ever for who has paused a subscription.

    Args:
        target: the service.
        waits: whether to wait for a service that has never answered.
        patience: for how many seconds to wait for one that has.
        say: says a sentence.
    """

    def __init__(
        self,
        target: str,
        *,
        waits: bool,
        patience: float = math.inf,
        say: Callable[[str], None] = say,
    ) -> None:
        self._target = target
        self._waiting = f"waiting for the pixel service at {target}"
        self._waits = waits
        self._patience = patience
        self._say = say
        self._began = self._last = self._paused_at = -math.inf

    def watched(self, opens: OpenStream) -> AbstractAsyncContextManager[None]:
        """Say inside the block that *opens* are waited for, if neither they nor errors come."""
        return said_if_silent(
            self._waiting,
            is_silent=lambda: not opens.cursor and math.isinf(max(self._last, self._paused_at)),
            say=self._say,
        )

    def failed(self, failure: grpc.aio.AioRpcError | None, *, is_first: bool) -> None:
        """Say that the service is waited for, unless that was just said.

        Raises:
            ClickException: it is not to be waited for, or not any longer.
        """
        if failure is not None and is_pause(failure):
            self._paused(failure)
            return
        what = "no answer in time" if failure is None else describe_error(failure)
        if is_first and not self._waits:
            raise click.ClickException(f"no pixel service at {self._target}: {what}")
        now = time.monotonic()
        if now - self._last > _OUTAGE_SECONDS:
            self._began = now
            self._say(f"{self._waiting}: {what}")
        self._last = now
        if now - self._began > self._patience:
            raise click.ClickException(f"no answer any longer from {self._target}: {what}")

    def _paused(self, failure: grpc.aio.AioRpcError) -> None:
        """Say that the service answers and means to send nothing, unless that was just said."""
        now = time.monotonic()
        if now - self._paused_at > _OUTAGE_SECONDS:
            self._say(f"waiting until it is resumed: {failure.details()}")
        self._paused_at = now
