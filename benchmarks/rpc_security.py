"""What it costs that calls are made with a key, by TLS, or both: `RewriteMessage`, in turns.

    python -m benchmarks.rpc_security [--rounds 9]

One service for each way of calling, and calls that come four at a time to one after the
other, so that what else the machine does hits all alike.  The figures are medians, of the
processor time that the service takes for a call, and as multiples of a call in the clear
without a key.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import datetime as dt
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

import uvloop

from benchmarks import messages
from emailopens.injector.v1 import configuration_service_pb2 as configuration_pb
from emailopens.injector.v1 import configuration_service_pb2_grpc as configuration_pb_grpc
from emailopens.injector.v1 import injector_service_pb2 as pb
from emailopens.injector.v1 import injector_service_pb2_grpc as pb_grpc
from emailopens_client.api_keys import ApiKeyFile
from emailopens_client.channels import Tls, open_channel
from examples.pair import HOST, free_ports, running_service
from service_runtime.api_keys import API_KEYS_FILE
from service_runtime.api_keys.key import make_key
from service_runtime.api_keys.key_file import add_key
from service_runtime.callers import Role
from tests.fixtures.certificates import Authority

# The bar: a call with everything costs at most this much more than one in the clear.
MOST: Final = 1.15

PLAIN: Final = "in the clear"

# Of one turn: a quarter of a second of the service's time.
_CALLS: Final = 400
_AT_ONCE: Final = 4


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way of calling."""

    options: tuple[str, ...] = ()
    """Of the service."""
    tls: Tls | None = None
    api_key: ApiKeyFile | None = None


def ways(folder: Path) -> Mapping[str, Way]:
    """Return the ways of calling by their names."""
    keys, key = folder / API_KEYS_FILE, folder / "key"
    record, text = make_key(Role.ADMIN, now=dt.datetime.now(dt.UTC))
    add_key(keys, record)
    key.write_text(text)
    authority, ca = Authority.written(folder)
    certificate, certificate_key = authority.issue().write(folder)
    client, client_key = authority.issue(names=("bench",)).write(folder, "client")
    with_key = (f"--api-keys={keys}",)
    with_tls = (f"--tls-certificate={certificate}", f"--tls-key={certificate_key}")
    return {
        PLAIN: Way(),
        "with a key": Way(options=with_key, api_key=ApiKeyFile(key)),
        "by TLS": Way(options=with_tls, tls=Tls(ca=ca)),
        "by TLS, with a key": Way(
            options=(*with_tls, *with_key), tls=Tls(ca=ca), api_key=ApiKeyFile(key)
        ),
        "by TLS, with a certificate": Way(
            options=(*with_tls, f"--tls-client-ca={ca}", "--tls-client-role=bench=admin"),
            tls=Tls(ca=ca, certificate=client, key=client_key),
        ),
    }


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A service that runs, and a connection to it."""

    pid: int
    stub: "pb_grpc.InjectorServiceAsyncStub"

    async def turn(self, request: pb.RewriteMessageRequest) -> float:
        """Have the service answer; return the processor time of a call in seconds."""
        began = processor_seconds(self.pid)
        for _ in range(_CALLS // _AT_ONCE):
            await asyncio.gather(*(self.stub.RewriteMessage(request) for _ in range(_AT_ONCE)))
        return (processor_seconds(self.pid) - began) / _CALLS


def processor_seconds(pid: int) -> float:
    """Return how long the process *pid* has had a processor."""
    # What clock_getcpuclockid(3) returns for a process, which Python does not have: in
    # nanoseconds, where the files of /proc have hundredths of a second.
    return time.clock_gettime((~pid << 3) | 2)


@contextlib.asynccontextmanager
async def contestant(way: Way, folder: Path) -> AsyncIterator[Contestant]:
    """Run a service in *folder* that is called in this *way*."""
    address = f"{HOST}:{free_ports(1)}"
    options = [f"--grpc={address}", f"--data={folder}", "--log-level=warning", *way.options]
    with running_service(
        "injector-service",
        options,
        ready_at=address,
        credentials=None if way.tls is None else way.tls.credentials(),
    ) as process:
        async with open_channel(address, credentials=way.tls, api_key=way.api_key) as channel:
            await configuration_pb_grpc.ConfigurationServiceStub(channel).CreateConfiguration(
                configuration_pb.CreateConfigurationRequest(
                    configuration=configuration_pb.Configuration(
                        id="news", open_notifications_enabled=True
                    )
                )
            )
            yield Contestant(pid=process.pid, stub=pb_grpc.InjectorServiceStub(channel))


async def measured(rounds: int) -> dict[str, list[float]]:
    """Let all take turns; return the seconds of each turn by the names of the ways."""
    request = pb.RewriteMessageRequest(
        raw_message=messages.quoted_printable(10_000),
        configuration_ids=["news"],
        recipients=["robin@example.net"],
    )
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        contestants = {
            name: await stack.enter_async_context(contestant(way, folder / name))
            for name, way in ways(folder).items()
        }
        turns: dict[str, list[float]] = {name: [] for name in contestants}
        for each in contestants.values():
            await each.turn(request)
        for _ in range(rounds):
            for name, each in contestants.items():
                turns[name].append(await each.turn(request))
    return turns


def main() -> int:
    """Run as a program; 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    turns = uvloop.run(measured(parser.parse_args().rounds))
    are_met = True
    print(f"{'RewriteMessage, 10 KB':28}{'us/call':>10}{'x':>8}")
    for name, seconds in turns.items():
        # Of the turns of one round, which were near each other.
        ratio = statistics.median(
            own / plain for own, plain in zip(seconds, turns[PLAIN], strict=True)
        )
        are_met = are_met and ratio <= MOST
        print(f"{name:28}{statistics.median(seconds) * 1e6:10.0f}{ratio:8.2f}", end="")
        print("" if ratio <= MOST else f"  MISSED (<= {MOST:g})")
    return 0 if are_met else 1


if __name__ == "__main__":
    raise SystemExit(main())
