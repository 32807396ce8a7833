"""Starts both services as processes on the embedded default, and stops them.

    python examples/pair.py [DATA_FOLDER]

runs the pair until Ctrl-C, at the addresses that the README uses.
"""

import argparse
import contextlib
import dataclasses
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

import grpc

# Starting takes about a second; a machine under load may need several.
START_SECONDS: Final = 30

# The services drain for 5 s at most.
STOP_SECONDS: Final = 15

HOST: Final = "127.0.0.1"

# Below those that systems give to clients: one of them would have the port before the
# service listens there, or while it starts again.
_PORTS: Final = range(20_000, 32_000)
_PORT_ATTEMPTS: Final = 1_000
_returned: Final[set[int]] = set()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Where the two services are."""

    injector: str
    """gRPC, as `host:port`."""

    pixel: str
    """gRPC, as `host:port`."""

    pixel_http: str
    """Where pixels are fetched, as `host:port`."""

    admin: str
    """Where the pixel service answers operators' tools, as `host:port`."""


DEFAULT_PAIR: Final = Pair(
    injector=f"{HOST}:50051",
    pixel=f"{HOST}:50052",
    pixel_http=f"{HOST}:8080",
    admin=f"{HOST}:9090",
)


DEFAULT_PAGE: Final = f"{HOST}:8082"
"""Where `main` shows the opens in a browser."""


def pair_on_free_ports() -> Pair:
    """Return addresses that are free now."""
    injector, pixel, pixel_http = (f"{HOST}:{free_ports(1)}" for _ in range(3))
    # The log process has the port after the endpoint's.
    admin = f"{HOST}:{free_ports(2)}"
    return Pair(injector=injector, pixel=pixel, pixel_http=pixel_http, admin=admin)


def wait_for_page(page: str) -> None:
    """Wait until the page is served at *page*: its process may be later than the service."""
    host, _, port = page.rpartition(":")
    for _ in range(START_SECONDS * 10):
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"the page was not served at {page} within {START_SECONDS} s")


def page_options(pair: Pair, page: str) -> list[str]:
    """Return what has the pixel service show its opens in a browser, at *page*."""
    return [f"--page={page}", f"--injector={pair.injector}"]


def free_ports(count: int) -> int:
    """Return the first of *count* ports in a row that are free now; none is returned twice."""
    for _ in range(_PORT_ATTEMPTS):
        first = secrets.choice(_PORTS)
        ports = range(first, first + count)
        if not _returned.intersection(ports) and all(map(_is_free, ports)):
            _returned.update(ports)
            return first
    raise SystemExit(f"no {count} free ports in a row")


def _is_free(port: int) -> bool:
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind((HOST, port))
        return True
    return False


@contextlib.contextmanager
def running_pair(
    pair: Pair, *, data: Path, log: IO[bytes] | None = None, more_pixel_options: Sequence[str] = ()
) -> Iterator[Pair]:
    """Run both services inside the block, with their data in the folder *data*.

    They log to the file *log*, or else where this process does.
    """
    with (
        running_service(
            "injector-service",
            [
                f"--grpc={pair.injector}",
                f"--data={data}",
                f"--pixel-base-url=http://{pair.pixel_http}",
            ],
            ready_at=pair.injector,
            log=log,
        ),
        running_service(
            "pixel-service",
            [*pixel_options(pair, data), *more_pixel_options],
            ready_at=pair.pixel,
            log=log,
        ),
    ):
        yield pair


def pixel_options(pair: Pair, data: Path) -> list[str]:
    """Return what tells the pixel service its addresses in *pair* and its folder."""
    return [
        f"--grpc={pair.pixel}",
        f"--http={pair.pixel_http}",
        f"--admin={pair.admin}",
        f"--data={data}",
    ]


@contextlib.contextmanager
def running_service(
    name: str,
    options: Sequence[str],
    *,
    ready_at: str,
    credentials: grpc.ChannelCredentials | None = None,
    log: IO[bytes] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `<name> serve <options>` inside the block, from when it is ready on.

    Where it serves by TLS, *credentials* are what a client of it needs.
    """
    program = Path(sys.executable).with_name(name)
    _require_nobody_at(ready_at)
    with subprocess.Popen([program, "serve", *options], stdout=log, stderr=log) as process:
        try:
            _wait_until_serving(process, ready_at, credentials)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _require_nobody_at(address: str) -> None:
    # Else another service would answer for ours, which ends because the port is taken.
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        if probe.connect_ex((host, int(port))) == 0:
            raise SystemExit(f"somebody else is already at {address}")


def _wait_until_serving(
    process: subprocess.Popen[bytes], address: str, credentials: grpc.ChannelCredentials | None
) -> None:
    with contextlib.ExitStack() as stack:
        channel = stack.enter_context(
            grpc.insecure_channel(address)
            if credentials is None
            else grpc.secure_channel(address, credentials)
        )
        ready = grpc.channel_ready_future(channel)
        # Else its thread asks a channel that is closed.
        stack.callback(ready.cancel)
        for _ in range(START_SECONDS * 10):
            if process.poll() is not None:
                raise SystemExit(f"the service ended with status {process.returncode}")
            with contextlib.suppress(grpc.FutureTimeoutError):
                ready.result(timeout=0.1)
                return
    raise SystemExit(f"the service did not answer at {address} within {START_SECONDS} s")


def main() -> None:
    """Run the pair until Ctrl-C, or SIGTERM."""
    parser = argparse.ArgumentParser(description="Runs both services until Ctrl-C.")
    parser.add_argument(
        "data",
        metavar="DATA_FOLDER",
        nargs="?",
        type=Path,
        default=Path("data"),
        help="where both keep their data; made if it is not there (default: data)",
    )
    data: Path = parser.parse_args().data
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    running = running_pair(
        DEFAULT_PAIR, data=data, more_pixel_options=page_options(DEFAULT_PAIR, DEFAULT_PAGE)
    )
    with contextlib.suppress(KeyboardInterrupt), running:
        print(f"injector service: gRPC {DEFAULT_PAIR.injector}")
        print(
            f"pixel service:    gRPC {DEFAULT_PAIR.pixel}, pixels http://{DEFAULT_PAIR.pixel_http}"
        )
        print(f"page:             http://{DEFAULT_PAGE}/")
        print(f"data:             {data}/ (the key ring too)")
        print("Ctrl-C stops both.", flush=True)
        os.wait()
        raise SystemExit("a service has ended: what it said last is above")


if __name__ == "__main__":
    main()
