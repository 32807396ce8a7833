"""Channels to our services, and what their errors say."""

import contextlib
from collections.abc import AsyncIterator
from typing import Final, cast

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

# What the operator's tools send and take at most: the injector's largest message,
# 50 MiB by default, and room for whoever raised that.
MAX_MESSAGE_OCTETS: Final = 512 * 1024 * 1024

# Below the server's limits (a ping every 10 s at most), and above what an idle
# channel needs.  What a client can trust is the stream's heartbeat, not a ping.
OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_OCTETS),
    ("grpc.max_send_message_length", MAX_MESSAGE_OCTETS),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
)


@contextlib.asynccontextmanager
async def connect(target: str) -> AsyncIterator[grpc.aio.Channel]:
    """Open a channel to *target* for the block."""
    async with grpc.aio.insecure_channel(target, options=OPTIONS) as channel:
        yield channel


def describe_error(error: grpc.aio.AioRpcError) -> str:
    """Return everything that *error* says, in one line."""
    parts = [f"{error.code().name}: {error.details() or 'no details'}"]
    # Typed for the synchronous API; an aio error has all that it reads.
    status = rpc_status.from_call(cast("grpc.Call", error))
    for detail in status.details if status is not None else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            metadata = "".join(f", {key} {value}" for key, value in sorted(info.metadata.items()))
            parts.append(f"({info.reason}{metadata})")
    return " ".join(" ".join(parts).split())
