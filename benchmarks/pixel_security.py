"""What it costs the pixel endpoint without TLS that the service's other ports are protected.

    python -m benchmarks.pixel_security [--rounds 25]

Services that run beside each other take turns: one without any option that protects, the same
once more, which shows how far turns are apart by themselves, one with keys and TLS on gRPC and
TLS for operators' tools, and one that serves pixels by TLS.  The figures are the processor
time that the endpoint process takes for a fetch, over connections that stay open: the median
of the turns, and of their ratios to the first service's turn of the same round, with the
quarters in between which half of those are.
"""

import argparse
import contextlib
import dataclasses
import datetime as dt
import ssl
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import grpc
import uvloop

from benchmarks.open_log.serving import load, sealed_tokens
from benchmarks.open_log.where_time_goes import processes_of
from benchmarks.rpc_security import processor_seconds
from examples.pair import pair_on_free_ports, pixel_options, running_service
from service_runtime.api_keys import API_KEYS_FILE
from service_runtime.api_keys.key import make_key
from service_runtime.api_keys.key_file import add_key
from service_runtime.callers import Role
from service_runtime.key_ring import generate_key_ring, write_key_ring
from tests.fixtures.certificates import Authority

PLAIN: Final = "no TLS, no protection"
AGAIN: Final = "the same, again"
PROTECTED: Final = "no TLS, others protected"

# Of one turn: some 50 ms of the endpoint's time.
_FETCHES: Final = 2_000
_CONNECTIONS: Final = 16
_MESSAGES: Final = 1_000
_ENOUGH_SECONDS: Final = 60.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way of serving pixels."""

    options: tuple[str, ...] = ()
    """Of the service."""
    credentials: grpc.ChannelCredentials | None = None
    """What a client of its gRPC needs."""
    tls: ssl.SSLContext | None = None
    """What a client of its pixels believes."""


def ways(folder: Path) -> Mapping[str, Way]:
    """Return the ways of serving by their names."""
    authority, ca = Authority.written(folder)
    certificate, key = authority.issue().write(folder)
    keys = folder / API_KEYS_FILE
    record, _ = make_key(Role.SUBSCRIBER, now=dt.datetime.now(dt.UTC))
    add_key(keys, record)

    def tls_options(port: str) -> tuple[str, ...]:
        return (f"--{port}tls-certificate={certificate}", f"--{port}tls-key={key}")

    return {
        PLAIN: Way(),
        AGAIN: Way(),
        PROTECTED: Way(
            options=(*tls_options(""), *tls_options("admin-"), f"--api-keys={keys}"),
            credentials=grpc.ssl_channel_credentials(authority.certificate),
        ),
        "by TLS": Way(options=tls_options("http-"), tls=ssl.create_default_context(cafile=str(ca))),
    }


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A service that runs."""

    endpoint: int
    """The process that answers mail clients."""
    http: str
    tokens: Sequence[str]
    tls: ssl.SSLContext | None

    def turn(self) -> float:
        """Have it answer; return the processor time of a fetch in seconds."""
        began = processor_seconds(self.endpoint)
        found = uvloop.run(
            load(
                self.http,
                self.tokens,
                seconds=_ENOUGH_SECONDS,
                connections=_CONNECTIONS,
                fetches=_FETCHES,
                tls=self.tls,
            )
        )
        return (processor_seconds(self.endpoint) - began) / found.answers


def endpoint_of(pid: int, data: Path) -> int:
    """Return the process below *pid* that has a journal open and no log."""
    for child in processes_of(pid):
        names = []
        for each in Path(f"/proc/{child}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed since
                names.append(str(each.readlink()))
        has_journal = any(name.startswith(f"{data}/journal") for name in names)
        if has_journal and not any(name.endswith("opens.db") for name in names):
            return child
    raise SystemExit("there is no endpoint process")


@contextlib.contextmanager
def contestant(way: Way, data: Path) -> Iterator[Contestant]:
    """Run a service with its data in *data* that serves pixels in this *way*."""
    ring = generate_key_ring()
    data.mkdir(mode=0o700)
    write_key_ring(data / "token_keys", ring)
    pair = pair_on_free_ports()
    options = [*pixel_options(pair, data), "--log-level=error", *way.options]
    with running_service(
        "pixel-service", options, ready_at=pair.pixel, credentials=way.credentials
    ) as process:
        tokens = sealed_tokens(_MESSAGES, ring)
        # Whoever answers has opened its journal.
        uvloop.run(load(pair.pixel_http, tokens, seconds=1, connections=1, fetches=1, tls=way.tls))
        yield Contestant(
            endpoint=endpoint_of(process.pid, data),
            http=pair.pixel_http,
            tokens=tokens,
            tls=way.tls,
        )


def measured(rounds: int) -> dict[str, list[float]]:
    """Let all take turns; return the seconds of each turn by the names of the ways."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        contestants = {
            name: stack.enter_context(contestant(way, folder / str(number)))
            for number, (name, way) in enumerate(ways(folder).items())
        }
        turns: dict[str, list[float]] = {name: [] for name in contestants}
        for each in contestants.values():
            each.turn()
        for _ in range(rounds):
            for name, each in contestants.items():
                turns[name].append(each.turn())
    return turns


def main() -> int:
    """Run as a program; 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=25)
    turns = measured(parser.parse_args().rounds)
    quarters = {name: _quarters(seconds, turns[PLAIN]) for name, seconds in turns.items()}
    # The bar: nothing, which is what a service beside itself shows, too.
    is_missed = quarters[PROTECTED][1] > max(1.0, quarters[AGAIN][2])
    print(f"{'a fetch of a pixel':28}{'us/fetch':>10}{'x':>8}   half of the rounds")
    for name, (low, ratio, high) in quarters.items():
        microseconds = statistics.median(turns[name]) * 1e6
        print(f"{name:28}{microseconds:10.1f}{ratio:8.2f}   {low:.2f} to {high:.2f}")
    print("MISSED: protecting other ports costs a fetch something" if is_missed else "cost: none")
    return 1 if is_missed else 0


def _quarters(seconds: Sequence[float], plain: Sequence[float]) -> Sequence[float]:
    # Of the turns of one round, which were near each other.
    return statistics.quantiles((own / other for own, other in zip(seconds, plain, strict=True)))


if __name__ == "__main__":
    raise SystemExit(main())
