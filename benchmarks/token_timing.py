"""Can a forged token be told from a valid one by how long its pixel takes?

    python -m benchmarks.token_timing

Fetches as many of each over one connection, in random order, of a quiet service and of one
that is at work, and one of each again and again; and compares the times: the
Kolmogorov-Smirnov distance D is 0 where two samples are alike, and 1 where no time of one is
among those of the other.  Fails beyond `MOST`: two samples of this size that are drawn alike
are beyond it once in 700 times, and more often where other work makes times jump.
"""

import asyncio
import bisect
import contextlib
import random
import secrets
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.open_log.serving import load, running_service, sealed_tokens
from service_runtime.base64url import decode, encode

EACH: Final = 2_000
MOST: Final = 0.06

# Of the service at work: other clients that fetch all the time.
_OTHERS: Final = 4


def forged(token: str) -> str:
    """Return what is as long as *token*, and no token: of our key's ID, or of any."""
    octets = decode(token) or b""
    first = octets[:1] if secrets.randbelow(2) else secrets.token_bytes(1)
    return encode(first + secrets.token_bytes(len(octets) - 1))


def distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the largest difference between the samples' cumulative distributions."""
    first, second = sorted(one), sorted(other)
    return max(
        abs(
            bisect.bisect_right(first, each) / len(first)
            - bisect.bisect_right(second, each) / len(second)
        )
        for each in (*first, *second)
    )


def times_of(
    address: str, valid: Sequence[str], fake: Sequence[str]
) -> tuple[list[float], list[float]]:
    """Return how long the pixels of *valid* tokens take, and of *fake* ones."""
    host, port = address.split(":")
    asked = [(0, token) for token in valid] + [(1, token) for token in fake]
    random.shuffle(asked)
    found: tuple[list[float], list[float]] = ([], [])
    with socket.create_connection((host, int(port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for kind, token in asked:
            request = f"GET /o/{token}.gif HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
            began = time.perf_counter()
            connection.sendall(request)
            connection.recv(4_096)
            found[kind].append(time.perf_counter() - began)
    return found


@contextlib.contextmanager
def at_work(address: str, tokens: Sequence[str]) -> Iterator[None]:
    """Have others fetch *tokens* all the time inside the block."""
    is_over = threading.Event()

    def work() -> None:
        while not is_over.is_set():
            asyncio.run(load(address, tokens, seconds=1, connections=_OTHERS))

    others = threading.Thread(target=work)
    others.start()
    try:
        yield
    finally:
        is_over.set()
        others.join()


def main() -> None:
    """Measure, print, and fail if they can be told apart."""
    with tempfile.TemporaryDirectory() as folder, running_service(Path(folder)) as service:
        tokens = sealed_tokens(3 * EACH + 2, service.ring)
        quiet, busy, others = (tokens[at : at + EACH] for at in range(0, 3 * EACH, EACH))
        first, one = tokens[-2:]
        times_of(service.http, [first] * 100, [forged(first)] * 100)
        found = [("quiet", times_of(service.http, quiet, list(map(forged, quiet))))]
        found.append(("again", times_of(service.http, [one] * EACH, [forged(one)] * EACH)))
        with at_work(service.http, others):
            found.append(("at work", times_of(service.http, busy, list(map(forged, busy)))))
    worst = 0.0
    for name, (valid, fake) in found:
        worst = max(worst, d := distance(valid, fake))
        medians = [sorted(each)[EACH // 2] * 1e6 for each in (valid, fake)]
        print(f"{name:8} valid p50 {medians[0]:6.0f} us, forged {medians[1]:6.0f} us, D {d:.3f}")
    if worst > MOST:
        sys.exit(f"they can be told apart: D is more than {MOST}")


if __name__ == "__main__":
    main()
