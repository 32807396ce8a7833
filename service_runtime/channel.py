"""What the errors of calls say."""

from typing import cast

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status


def describe_error(error: grpc.aio.AioRpcError) -> str:
    """Return everything that *error* says, in one line."""
    details = error.details() or "no details"
    if error.code() is grpc.StatusCode.UNIMPLEMENTED:
        details = "what answers there is another service, or another version: it has no such call"
    parts = [f"{error.code().name}: {details}"]
    # Typed for the synchronous API; an aio error has all that it reads.
    status = rpc_status.from_call(cast("grpc.Call", error))
    for detail in status.details if status is not None else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            metadata = "".join(f", {key} {value}" for key, value in sorted(info.metadata.items()))
            parts.append(f"({info.reason}{metadata})")
    return " ".join(" ".join(parts).split())
