"""Calls every method of the contract with what no schema allows, and with what one does.

    python -m tests.fuzz.fuzz_calls --count 20000 --seed 1

Requests are made from the contract's descriptors: fields at random, values from the edges of
their types; some of their octets are changed after that.  Some calls come with metadata
beyond its limits, or are cancelled at once.  A finding is a call that ends with `INTERNAL` or
`UNKNOWN`, a fault in a log, a service that is gone, or memory that grows.
"""

import argparse
import contextlib
import dataclasses
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from emailopens.injector.v1 import (
    configuration_service_pb2,
    injector_service_pb2,
    tracking_service_pb2,
)
from emailopens.pixel.v1 import (
    objection_service_pb2,
    operation_service_pb2,
    pixel_service_pb2,
    statistics_service_pb2,
    subscription_service_pb2,
    webhook_service_pb2,
)
from examples.pair import Pair, pair_on_free_ports, running_pair

_INJECTOR_FILES: Final = (
    configuration_service_pb2,
    injector_service_pb2,
    tracking_service_pb2,
)
_PIXEL_FILES: Final = (
    objection_service_pb2,
    operation_service_pb2,
    pixel_service_pb2,
    statistics_service_pb2,
    subscription_service_pb2,
    webhook_service_pb2,
)

# A stream has no end, and an erasure may wait for ten seconds.
_DEADLINE_SECONDS: Final = 0.5

# Of a stream; more of it says nothing new.
_MAX_RESPONSES: Final = 5

_FAULTS: Final = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})

# What a service says of a fault of its own.
TELLTALES: Final = (b"Traceback", b"call failed", b"background task died", b"Exception ignored")

# What all processes together may grow by, after the first tenth: the injector's allocator
# keeps up to 512 MiB of free memory (`service_runtime.allocator`), and caches fill.
MOST_GROWTH_OCTETS: Final = 640 * 1024 * 1024

_TEXTS: Final = (
    *("", "a", "news", "crm", "*", "-", "A" * 64, "a" * 63, "x" * 20_000, "\0", "é", "\u202e"),
    *("🎉" * 300, "a@example.com", "@", "a" * 300 + "@example.com", "example.com", "https://"),
    *("https://e.example/", "A" * 32, "0", "-1", "9" * 30, "../../etc/passwd", "' OR 1=1 --"),
    *("%00", "display_name", "configuration.id", "id,etag", "{}", "\r\nX: y"),
)
_NUMBERS: Final = (
    *(0, 1, -1, 2, 7, 50, 1_000, 10**6),
    *(2**31 - 1, -(2**31), 2**62, 2**63 - 1, -(2**63)),
)
_OCTETS: Final = (
    b"",
    b"\0",
    b"\xff" * 100,
    b"From: a@example.com\nTo: b@example.org\n\nHello",
    b"From: a@example.com\r\nTo: b@example.org\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 2_000,
    b"<" * 5_000,
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method of the contract, and where it is served."""

    path: str
    request: Descriptor
    is_stream: bool
    address: str


def methods_of(pair: Pair) -> list[Method]:
    """Return every method of the contract."""
    found = []
    for files, address in ((_INJECTOR_FILES, pair.injector), (_PIXEL_FILES, pair.pixel)):
        for file in files:
            for service in file.DESCRIPTOR.services_by_name.values():
                found += [_method_of(each, address) for each in service.methods]
    return found


def _method_of(method: MethodDescriptor, address: str) -> Method:
    return Method(
        path=f"/{method.containing_service.full_name}/{method.name}",
        request=method.input_type,
        is_stream=bool(method.server_streaming),
        address=address,
    )


def random_message(descriptor: Descriptor, chance: random.Random, *, depth: int = 0) -> Message:
    """Return a message with random fields."""
    message = message_factory.GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if chance.random() < 0.5:
            # Some values are no values of their field: it stays empty then.
            with contextlib.suppress(ValueError, TypeError):
                _set(message, field, chance, depth)
    return message


def _set(message: Message, field: FieldDescriptor, chance: random.Random, depth: int) -> None:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        entries = getattr(message, field.name)
        for _ in range(chance.choice((1, 3, 300))):
            entries[chance.choice(_TEXTS)] = chance.choice(_TEXTS)
        return
    count = chance.choice((1, 2, 3, 25, 1_500)) if field.is_repeated else 1
    if field.message_type is not None and depth > 4:
        return
    values = [_value_of(field, chance, depth) for _ in range(count)]
    if field.message_type is not None and field.is_repeated:
        getattr(message, field.name).extend(values)
    elif field.message_type is not None:
        getattr(message, field.name).CopyFrom(values[0])
    elif field.is_repeated:
        getattr(message, field.name).extend(values)
    else:
        setattr(message, field.name, values[0])


def _value_of(field: FieldDescriptor, chance: random.Random, depth: int) -> Any:  # noqa: ANN401 - of any type
    if field.message_type is not None:
        return random_message(field.message_type, chance, depth=depth + 1)
    kinds: dict[int, Callable[[], object]] = {
        FieldDescriptor.CPPTYPE_STRING: lambda: chance.choice(
            _OCTETS if field.type == FieldDescriptor.TYPE_BYTES else _TEXTS
        ),
        FieldDescriptor.CPPTYPE_BOOL: lambda: chance.random() < 0.5,
        FieldDescriptor.CPPTYPE_DOUBLE: lambda: chance.choice((0.0, -1.0, 1e308, float("nan"))),
        FieldDescriptor.CPPTYPE_ENUM: lambda: chance.choice((0, 1, 2, 3, 99, -1)),
    }
    return kinds.get(field.cpp_type, lambda: chance.choice(_NUMBERS))()


def changed(octets: bytes, chance: random.Random) -> bytes:
    """Return *octets* with something broken."""
    at = chance.randrange(len(octets) + 1)
    noise = chance.randbytes(chance.choice((1, 4, 40)))
    return chance.choice(
        (octets[:at], octets[:at] + noise + octets[at:], octets[:at] + noise, octets * 2, noise)
    )


def metadata(chance: random.Random) -> Sequence[tuple[str, str | bytes]]:
    """Return metadata, now and then more of it than is allowed."""
    kind = chance.random()
    if kind < 0.9:
        return ()
    return chance.choice(
        (
            (("x-long", "a" * 20_000),),
            tuple((f"x-{number}", "b" * 30) for number in range(500)),
            (("x-bin", b"\xff" * 100),),
            (("authorization", "Bearer " + "c" * 4_000),),
            (("grpc-timeout", "99999999H"),),
        )
    )


def call(channel: grpc.Channel, method: Method, chance: random.Random) -> grpc.StatusCode:
    """Call *method* once; return how it ended."""
    request = random_message(method.request, chance).SerializeToString()
    if chance.random() < 0.3:
        request = changed(request, chance)
    options: dict[str, Any] = {"timeout": _DEADLINE_SECONDS, "metadata": metadata(chance)}
    is_cancelled = chance.random() < 0.1
    try:
        if method.is_stream:
            ask_for_many: Any = channel.unary_stream(method.path)
            stream = ask_for_many(request, **options)
            if is_cancelled:
                stream.cancel()
            for _, _ in zip(range(_MAX_RESPONSES), stream, strict=False):
                pass
            stream.cancel()
            return grpc.StatusCode.OK
        ask_for_one: Any = channel.unary_unary(method.path)
        future = ask_for_one.future(request, **options)
        if is_cancelled:
            future.cancel()
        future.result()
    except grpc.FutureCancelledError:
        return grpc.StatusCode.CANCELLED
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def findings(*, count: int, seed: int) -> Iterator[str]:
    """Make *count* calls to a pair of services; yield what is wrong."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "log").open("wb") as log, contextlib.ExitStack() as stack:
            pair = stack.enter_context(
                running_pair(pair_on_free_ports(), data=folder / "data", log=log)
            )
            methods = methods_of(pair)
            channels = {
                address: stack.enter_context(grpc.insecure_channel(address))
                for address in (pair.injector, pair.pixel)
            }
            before = 0
            for number in range(count):
                if number == count // 10:
                    before = memory_of(folder)
                method = methods[number % len(methods)]
                code = call(channels[method.address], method, chance)
                if code in _FAULTS:
                    yield f"call {number} of seed {seed}: {method.path} ended with {code.name}"
            growth = memory_of(folder) - before
            if growth > MOST_GROWTH_OCTETS:
                yield f"{growth >> 20} MiB more memory after {count} calls"
            for address, channel in channels.items():
                grpc.channel_ready_future(channel).result(timeout=10)
                if address not in {each.address for each in methods}:
                    yield f"{address} is not called"
        said = (folder / "log").read_bytes()
        yield from (f"a log says {each.decode()!r}" for each in TELLTALES if each in said)


def memory_of(folder: Path) -> int:
    """Return how much memory the processes have whose data are in *folder*."""
    octets = 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(folder).encode() in (process / "cmdline").read_bytes():
                octets += int((process / "statm").read_text().split()[1]) * 4_096
    return octets


def main() -> None:
    """Look for findings; fail if there are any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    found = list(findings(count=arguments.count, seed=arguments.seed))
    for each in found:
        print(each)
    if found:
        raise SystemExit(1)
    print(f"{arguments.count:,} calls, no finding")


if __name__ == "__main__":
    main()
