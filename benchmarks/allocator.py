"""What it costs when the C allocator gives large blocks back to the system.

    python -m benchmarks.allocator

A call with a message of 25 MB in and out, without the network: both of its protobuf
messages are read and written, and the message is rewritten.  Once in a process as it
is, once in one that keeps large blocks, as the injector
service does.
"""

import multiprocessing
import timeit
from typing import Final

from benchmarks import messages
from benchmarks.rewrite import ours
from emailopens.injector.v1 import injector_service_pb2 as pb
from service_runtime.allocator import keep_large_blocks

MESSAGE_OCTETS: Final = 25_000_000
ROUNDS: Final = 7
TIMES: Final = 3


def call(request: bytes) -> bytes:
    """Do what a server does with the octets of a request."""
    raw = pb.RewriteMessageRequest.FromString(request).raw_message
    return pb.RewriteMessageResponse(raw_message=ours(raw).message(raw)).SerializeToString()


def milliseconds(keeps_blocks: bool) -> float:  # noqa: FBT001 - called in another process
    """Return how long a call takes in this process."""
    if keeps_blocks:
        keep_large_blocks()
    raw = messages.with_attachment(MESSAGE_OCTETS, html_first=True)
    request = pb.RewriteMessageRequest(raw_message=raw).SerializeToString()
    return min(timeit.repeat(lambda: call(request), number=TIMES, repeat=ROUNDS)) / TIMES * 1e3


def main() -> None:
    """Print both, each of a process of its own."""
    context = multiprocessing.get_context("spawn")
    took = {}
    for keeps_blocks in (False, True):
        with context.Pool(1) as pool:
            took[keeps_blocks] = pool.apply(milliseconds, (keeps_blocks,))
    print(f"25 MB, blocks given back {took[False]:6.1f} ms")
    print(f"25 MB, blocks kept       {took[True]:6.1f} ms, {took[False] / took[True]:.1f} times")


if __name__ == "__main__":
    main()
