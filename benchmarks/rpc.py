"""What calls of the injector service cost beside those of a servicer that only echoes.

    python -m benchmarks.rpc [--rounds 9]

The echo is on grpc.aio and uvloop as the service is, and gives back the message of the same
request.  Service, echo and client take turns in one run on the same cores.  The figures are
medians and quartiles of the turns: calls a second, as a share of the echo's in the same
round, and the processor time that the server takes for a call.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import grpc
import uvloop

from benchmarks import messages
from benchmarks.bars import MISSED, least, most
from emailopens.injector.v1 import configuration_service_pb2 as configuration_pb
from emailopens.injector.v1 import configuration_service_pb2_grpc as configuration_pb_grpc
from emailopens.injector.v1 import injector_service_pb2 as pb
from emailopens.injector.v1 import injector_service_pb2_grpc as pb_grpc
from examples.pair import HOST, free_ports, running_service
from service_runtime.target import MAX_MESSAGE_OCTETS, Target, connect

# The bars.
SMALL: Final = "10 KB, whole, 32 at once"
WHOLE: Final = "26 MB, whole"
SPLICE: Final = "26 MB, splice"
LEAST_OF_ECHO: Final = {SMALL: 0.62, WHOLE: 1.3, SPLICE: 2.2}
LEAST_COPIES: Final = 8.0
MOST_MICROSECONDS_A_COPY: Final = 25.0

_AT_ONCE: Final = 32
_SMALL_CALLS: Final = 960
_LARGE_CALLS: Final = 4
_RECIPIENTS: Final = 1_000
_RECIPIENT_CALLS: Final = 4
_START_SECONDS: Final = 30

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_OCTETS),
    ("grpc.max_send_message_length", MAX_MESSAGE_OCTETS),
)


async def _echoed(request: pb.RewriteMessageRequest, _: object) -> pb.RewriteMessageResponse:
    return pb.RewriteMessageResponse(raw_message=request.raw_message)


async def echo(address: str) -> None:
    """Serve the echo until the process is killed."""
    server = grpc.aio.server(options=_OPTIONS)
    service = pb.DESCRIPTOR.services_by_name["InjectorService"].full_name
    handler = grpc.unary_unary_rpc_method_handler(
        _echoed,
        pb.RewriteMessageRequest.FromString,
        pb.RewriteMessageResponse.SerializeToString,
    )
    server.add_registered_method_handlers(service, {"RewriteMessage": handler})
    server.add_insecure_port(address)
    await server.start()
    await server.wait_for_termination()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A server that runs, and a connection to it."""

    pid: int
    stub: Any

    async def turn(self, call: Callable[[Any], Awaitable[object]], *, calls: int) -> "Turn":
        """Make *calls*, 32 at once if they are many."""
        workers = min(_AT_ONCE, calls // _AT_ONCE or 1)
        began, began_cpu = time.perf_counter(), _processor_seconds(self.pid)
        left = iter(range(calls))

        async def work() -> None:
            for _ in left:
                await call(self.stub)

        await asyncio.gather(*(work() for _ in range(workers)))
        return Turn(
            calls / (time.perf_counter() - began),
            (_processor_seconds(self.pid) - began_cpu) / calls,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Turn:
    """What a turn showed."""

    calls_a_second: float
    processor_seconds: float


def _processor_seconds(pid: int) -> float:
    # What clock_getcpuclockid(3) returns for a process, which Python does not have.
    return time.clock_gettime((~pid << 3) | 2)


@contextlib.contextmanager
def running_echo(address: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the echo inside the block."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.rpc", "--echo", address])  # noqa: S603 - ourselves
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.asynccontextmanager
async def contestants(folder: Path) -> AsyncIterator[tuple[Contestant, Contestant]]:
    """Run the service and the echo inside the block."""
    ours, theirs = (f"{HOST}:{free_ports(1)}" for _ in range(2))
    options = (f"--grpc={ours}", f"--data={folder}", "--log-level=warning")
    with (
        running_service("injector-service", options, ready_at=ours) as service,
        running_echo(theirs) as echoing,
    ):
        async with connect(Target(address=ours)) as channel, connect(Target(address=theirs)) as to:
            await configuration_pb_grpc.ConfigurationServiceStub(channel).CreateConfiguration(
                configuration_pb.CreateConfigurationRequest(
                    configuration=configuration_pb.Configuration(
                        id="news", open_notifications_enabled=True
                    )
                )
            )
            await asyncio.wait_for(to.channel_ready(), _START_SECONDS)
            yield (
                Contestant(pid=service.pid, stub=pb_grpc.InjectorServiceStub(channel)),
                Contestant(pid=echoing.pid, stub=pb_grpc.InjectorServiceStub(to)),
            )


def _rewriting(raw: bytes, view: "pb.RewriteMessageRequest.View.ValueType") -> Any:  # noqa: ANN401 - a call of any kind
    request = pb.RewriteMessageRequest(
        raw_message=raw, configuration_ids=["news"], recipients=["robin@example.net"], view=view
    )
    return lambda stub: stub.RewriteMessage(request)


def _copying(raw: bytes) -> Any:  # noqa: ANN401 - a call of any kind
    request = pb.RewriteForRecipientsRequest(
        raw_message=raw,
        configuration_ids=["news"],
        recipients=[
            pb.RewriteForRecipientsRequest.Recipient(address=f"robin.{number}@example.net")
            for number in range(_RECIPIENTS)
        ],
    )
    return lambda stub: stub.RewriteForRecipients(request)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The turns of one kind of call, those of the echo beside them."""

    ours: Sequence[Turn]
    echo: Sequence[Turn]

    def shares(self) -> list[float]:
        """Return our calls a second as shares of the echo's, a round each."""
        return [
            own.calls_a_second / other.calls_a_second
            for own, other in zip(self.ours, self.echo, strict=True)
        ]


async def measured(rounds: int) -> dict[str, Measured]:
    """Let all take turns; return what was measured by the names of the calls."""
    whole, splice = pb.RewriteMessageRequest.VIEW_WHOLE, pb.RewriteMessageRequest.VIEW_SPLICE
    small = messages.quoted_printable(10_000)
    large = messages.with_attachment(26_000_000, html_first=True)
    kinds: dict[str, tuple[Any, Any, int]] = {
        SMALL: (_rewriting(small, whole), _rewriting(small, whole), 960),
        WHOLE: (_rewriting(large, whole), _rewriting(large, whole), _LARGE_CALLS),
        SPLICE: (_rewriting(large, splice), _rewriting(large, splice), _LARGE_CALLS),
        "10 KB, 1,000 recipients": (_copying(small), _rewriting(small, whole), _RECIPIENT_CALLS),
    }
    with tempfile.TemporaryDirectory() as folder:
        async with contestants(Path(folder)) as (service, echoing):
            turns: dict[str, tuple[list[Turn], list[Turn]]] = {name: ([], []) for name in kinds}
            for number in range(rounds + 1):
                for name, (call, echoed, calls) in kinds.items():
                    ours = await service.turn(call, calls=calls)
                    other = await echoing.turn(echoed, calls=calls)
                    if number:
                        turns[name][0].append(ours)
                        turns[name][1].append(other)
    return {name: Measured(ours=ours, echo=other) for name, (ours, other) in turns.items()}


def _spread(values: Sequence[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:9.2f} ({low:.2f} to {high:.2f})"


def main() -> int:
    """Run as a program; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--echo", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.echo:
        uvloop.run(echo(arguments.echo))
        return 0
    found = uvloop.run(measured(arguments.rounds))
    are_met = True
    print(f"{'':26}{'calls/s':>10}{'CPU us':>10}{'echo/s':>10}{'CPU us':>10}   of the echo's")
    for name, each in found.items():
        columns = []
        for turns in (each.ours, each.echo):
            columns.append(statistics.median(turn.calls_a_second for turn in turns))
            columns.append(statistics.median(turn.processor_seconds for turn in turns) * 1e6)
        share = statistics.median(each.shares())
        bar = least(LEAST_OF_ECHO[name], share) if name in LEAST_OF_ECHO else ""
        print(f"{name:26}", *(f"{value:9,.0f}" for value in columns), _spread(each.shares()), bar)
        are_met = are_met and not bar.startswith(MISSED)
    small, copies = found[SMALL], found["10 KB, 1,000 recipients"]
    microseconds = [turn.processor_seconds / _RECIPIENTS * 1e6 for turn in copies.ours]
    multiples = [
        copy.calls_a_second * _RECIPIENTS / call.calls_a_second
        for copy, call in zip(copies.ours, small.ours, strict=True)
    ]
    bars = (
        most(MOST_MICROSECONDS_A_COPY, statistics.median(microseconds)),
        least(LEAST_COPIES, statistics.median(multiples)),
    )
    print(f"a copy for each recipient: {_spread(microseconds)} us of processor time, {bars[0]}")
    print(f"copies a second, of RewriteMessage calls: {_spread(multiples)}, {bars[1]}")
    return 1 if not are_met or any(each.startswith(MISSED) for each in bars) else 0


if __name__ == "__main__":
    raise SystemExit(main())
