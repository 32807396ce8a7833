"""One call of `PixelService.StreamOpens`, from its connection to its end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import grpc

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from emailopens_client.api_keys import ApiKeyFile
from emailopens_client.channels import Credentials, open_channel
from emailopens_client.failures import is_passing, is_passing_acknowledgement

# A commit and a way there and back; storage that fails over takes longer than any
# client should wait before it looks for another process.
ACKNOWLEDGE_SECONDS: Final = 10.0

# Each attempt has a connection of its own: a shared one that is dead without
# having noticed would be dead for the next attempt, too. A batch has 1 MiB and a
# notification that did not fit.
OPTIONS: Final = (
    ("grpc.use_local_subchannel_pool", 1),
    # Tells a dead connection between two heartbeats. Servers say GOAWAY to pings
    # that come faster than every 10 s.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
)


class CallFailed(Exception):
    """The call is over, and another one may go on where it stopped."""

    def __init__(self, error: grpc.aio.AioRpcError | None) -> None:
        super().__init__()
        self.error = error
        """Why; None for silence."""


class StreamCall:
    """A stream that runs, and acknowledgements over the same connection."""

    def __init__(self, channel: grpc.aio.Channel, request: pb.StreamOpensRequest) -> None:
        self._stub = pb_grpc.PixelServiceStub(channel)
        self._call: grpc.aio.UnaryStreamCall[pb.StreamOpensRequest, pb.StreamOpensResponse] = (
            self._stub.StreamOpens(request)
        )
        self._subscription_id = request.subscription_id
        self.session_token = ""

    async def next(self, *, seconds: float) -> pb.StreamOpensResponse | None:
        """Return the next response; None at the end that was asked for.

        Raises:
            CallFailed: nothing has come for *seconds*, or the call has failed in a way
                that passes.
            grpc.aio.AioRpcError: it has failed for good.
        """
        try:
            async with asyncio.timeout(seconds):
                response = await self._call.read()
        except TimeoutError:
            raise CallFailed(None) from None
        except grpc.aio.AioRpcError as error:
            if is_passing(error):
                raise CallFailed(error) from error
            raise
        # grpc.aio's mark of the end is not a response.
        return response if isinstance(response, pb.StreamOpensResponse) else None

    async def acknowledge(self, cursor: str) -> None:
        """Acknowledge everything up to *cursor*, if the stream is of a subscription.

        Raises:
            CallFailed: it may be acknowledged yet, or is sent again.
            grpc.aio.AioRpcError: another client has the subscription, or it is gone.
        """
        if not self._subscription_id:
            return
        request = pb.AcknowledgeOpensRequest(
            subscription_id=self._subscription_id, cursor=cursor, session_token=self.session_token
        )
        try:
            await self._stub.AcknowledgeOpens(request, timeout=ACKNOWLEDGE_SECONDS)
        except grpc.aio.AioRpcError as error:
            if is_passing_acknowledgement(error):
                raise CallFailed(error) from error
            raise


@contextlib.asynccontextmanager
async def calling(
    target: str,
    request: pb.StreamOpensRequest,
    *,
    credentials: Credentials | None,
    api_key: ApiKeyFile,
) -> AsyncIterator[StreamCall]:
    """Call StreamOpens of *target* over a connection that lasts as long as the block.

    Raises:
        TlsFilesUnusable: a file that *credentials* name cannot be used.
        ApiKeyUnusable: the key cannot be used.
    """
    async with open_channel(
        target, credentials=credentials, api_key=api_key, options=OPTIONS
    ) as channel:
        yield StreamCall(channel, request)
