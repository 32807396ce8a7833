"""Calls with and without API keys, over a real channel."""

import asyncio
import contextlib
import datetime as dt
import hashlib
import json
from collections.abc import AsyncIterator, Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status
from structlog.testing import capture_logs

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from service_runtime.admission import Admission
from service_runtime.api_keys import ApiKeys, live_keys
from service_runtime.api_keys.key_file import read_keys, remove_key
from service_runtime.api_keys.last_use import read_last_use
from service_runtime.callers import Role, current_caller
from service_runtime.drain import Drain
from service_runtime.grpc_server import GrpcService, grpc_server
from tests.fixtures.api_keys import a_key, bearer
from tests.fixtures.certificates import put

NAME = pb.DESCRIPTOR.services_by_name["PixelService"].full_name
NOW = dt.datetime(2026, 5, 4, 12, tzinfo=dt.UTC)
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
DENIED = grpc.StatusCode.PERMISSION_DENIED

# What a server says of a request that it has decoded, if it can.
NO_MESSAGE = b"\xff\xff\xff"

ListContext = grpc.aio.ServicerContext[pb.ListOpensRequest, pb.ListOpensResponse]
StreamContext = grpc.aio.ServicerContext[pb.StreamOpensRequest, pb.StreamOpensResponse]


class NamingServicer(pb_grpc.PixelServiceServicer):
    """Says who calls."""

    async def ListOpens(  # noqa: N802 - the contract's name
        self, request: pb.ListOpensRequest, context: ListContext
    ) -> pb.ListOpensResponse:
        del request, context
        return pb.ListOpensResponse(cursor=current_caller().name)

    async def StreamOpens(  # noqa: N802 - the contract's name
        self, request: pb.StreamOpensRequest, context: StreamContext
    ) -> AsyncIterator[pb.StreamOpensResponse]:
        del request, context
        yield pb.StreamOpensResponse()
        await asyncio.Event().wait()

    def SearchOpens(self, request: Any, context: Any) -> Any:  # noqa: N802, ANN401 - never called
        raise NotImplementedError

    async def AcknowledgeOpens(  # noqa: N802 - the contract's name
        self,
        request: pb.AcknowledgeOpensRequest,
        context: grpc.aio.ServicerContext[pb.AcknowledgeOpensRequest, pb.AcknowledgeOpensResponse],
    ) -> pb.AcknowledgeOpensResponse:
        raise NotImplementedError


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> dt.datetime:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@contextlib.asynccontextmanager
async def served(
    file: Path,
    *,
    clock: Callable[[], dt.datetime] = Clock(),  # noqa: B008 - one that stands still
    keys: ApiKeys | None = None,
    has_reflection: bool = True,
) -> AsyncIterator[grpc.aio.Channel]:
    """Serve with the keys in *file*, and open a channel."""
    servicer = NamingServicer()
    admission = Admission(keys or ApiKeys(file, clock=clock))
    async with (
        admission.followed(),
        grpc_server(
            listen="127.0.0.1:0",
            services=[
                GrpcService(
                    name=NAME,
                    add=lambda server: pb_grpc.add_PixelServiceServicer_to_server(servicer, server),
                )
            ],
            status_codes={},
            drain=Drain(grace=dt.timedelta(0)),
            admission=admission,
            has_reflection=has_reflection,
        ) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        yield channel


async def refusal_of(call: object) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    """Return code, reason and metadata of the error that a call ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call  # type: ignore[misc] # a call, of whatever kind
    info = error_details_pb2.ErrorInfo()
    status = rpc_status.from_call(raised.value)  # type: ignore[arg-type] # as everywhere
    assert status is not None
    assert status.details[0].Unpack(info)
    return raised.value.code(), info.reason, dict(info.metadata)


async def test_whoever_has_a_key_may_call(file: Path) -> None:
    """A key in the metadata says who calls, in whatever case the scheme is written."""
    key_id, text = a_key(file, Role.SUBSCRIBER)
    async with served(file) as channel:
        stub = pb_grpc.PixelServiceStub(channel)
        for scheme in ("Bearer", "bearer"):
            metadata = (("authorization", f"{scheme} {text}"),)
            response = await stub.ListOpens(pb.ListOpensRequest(), metadata=metadata)
            assert response.cursor == key_id


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda _: (), "API_KEY_MISSING"),
        (lambda text: (("x-api-key", text),), "API_KEY_MISSING"),
        (lambda text: (("authorization", text),), "API_KEY_INVALID"),
        (lambda text: (("authorization", f"Basic {text}"),), "API_KEY_INVALID"),
        (lambda _: bearer(""), "API_KEY_INVALID"),
        (lambda text: bearer(text[:-1]), "API_KEY_INVALID"),
        (lambda text: bearer(text[:-1] + ("A" if text[-1] != "A" else "B")), "API_KEY_INVALID"),
        (lambda text: bearer(text.replace("subscriber", "admin")), "API_KEY_INVALID"),
        (lambda text: bearer(text.replace(text.split("_")[2], "0" * 10)), "API_KEY_INVALID"),
        (lambda text: bearer(text) + bearer(text), "API_KEY_INVALID"),
        (lambda _: bearer("eo_admin_" + "x" * 4_000), "API_KEY_INVALID"),
    ],
)
async def test_whoever_has_none_may_not(
    file: Path, change: Callable[[str], tuple[tuple[str, str], ...]], reason: str
) -> None:
    """Without a key, with half of one, or with another's: nobody knows who calls."""
    _, text = a_key(file, Role.SUBSCRIBER)
    async with served(file) as channel:
        stub = pb_grpc.PixelServiceStub(channel)
        refusal = await refusal_of(stub.ListOpens(pb.ListOpensRequest(), metadata=change(text)))

    assert refusal == (UNAUTHENTICATED, reason, {})


@pytest.mark.guarantee("G8", "its request is not read")
async def test_the_request_of_an_unknown_caller_is_not_read(file: Path) -> None:
    """What is no message is refused for the want of a key, and its size does not matter."""
    _, text = a_key(file, Role.SUBSCRIBER)
    async with served(file) as channel:
        call: Any = channel.unary_unary(f"/{NAME}/ListOpens")
        without = await refusal_of(call(NO_MESSAGE))
        huge = await refusal_of(call(bytes(20 * 1024 * 1024)))
        with_key = await refusal_of(call(NO_MESSAGE, metadata=bearer(text)))

    assert without[:2] == huge[:2] == (UNAUTHENTICATED, "API_KEY_MISSING")
    assert with_key[1] == "REQUEST_UNDECODABLE"


async def test_a_call_for_another_role_is_refused(file: Path) -> None:
    """Whoever is known and has another role is told which one."""
    key_id, text = a_key(file, Role.SENDER)
    async with served(file) as channel:
        stub = pb_grpc.PixelServiceStub(channel)
        refusal = await refusal_of(stub.ListOpens(pb.ListOpensRequest(), metadata=bearer(text)))

    method = f"{NAME}/ListOpens"
    assert refusal == (
        DENIED,
        "ROLE_NOT_ALLOWED",
        {"role": "sender", "caller": key_id, "method": method},
    )


async def test_refusals_are_logged_without_keys(file: Path) -> None:
    """Operators see what is refused and why, and no part of a secret."""
    _, text = a_key(file, Role.SENDER)
    with capture_logs() as logs:
        async with served(file) as channel:
            stub = pb_grpc.PixelServiceStub(channel)
            await refusal_of(stub.ListOpens(pb.ListOpensRequest(), metadata=bearer(text)))
            await refusal_of(stub.ListOpens(pb.ListOpensRequest(), metadata=bearer(text[:-1])))

    refused = [each["reason"] for each in logs if each["event"] == "call refused"]
    assert refused == ["ROLE_NOT_ALLOWED", "API_KEY_INVALID"]
    assert text.split("_", 3)[3] not in str(logs)


async def test_an_expired_key_is_refused(file: Path) -> None:
    """A key works until its time, and then its owner is told that it is over."""
    clock = Clock()
    key_id, text = a_key(file, Role.SUBSCRIBER, now=NOW, expire_time=NOW + dt.timedelta(hours=1))
    async with served(file, clock=clock) as channel:
        stub = pb_grpc.PixelServiceStub(channel)
        await stub.ListOpens(pb.ListOpensRequest(), metadata=bearer(text))
        clock.now += dt.timedelta(hours=1)
        refusal = await refusal_of(stub.ListOpens(pb.ListOpensRequest(), metadata=bearer(text)))

    expected = {"key_id": key_id, "expire_time": "2026-05-04T13:00:00+00:00"}
    assert refusal == (UNAUTHENTICATED, "API_KEY_EXPIRED", expected)


async def test_the_streams_of_a_revoked_key_end(file: Path) -> None:
    """A stream that runs ends when its key is revoked, and others' go on."""
    key_id, text = a_key(file, Role.SUBSCRIBER)
    _, other = a_key(file, Role.SUBSCRIBER)
    async with served(file) as channel:
        stub = pb_grpc.PixelServiceStub(channel)
        revoked = stub.StreamOpens(pb.StreamOpensRequest(), metadata=bearer(text))
        kept = stub.StreamOpens(pb.StreamOpensRequest(), metadata=bearer(other))
        await revoked.read()
        await kept.read()

        remove_key(file, key_id)
        refusal = await refusal_of(revoked.read())

        again = await refusal_of(stub.ListOpens(pb.ListOpensRequest(), metadata=bearer(text)))
        assert not kept.done()
        kept.cancel()
    assert refusal == again == (UNAUTHENTICATED, "API_KEY_INVALID", {})


def replace_digest(file: Path) -> None:
    """Put another key's digest into the only line of *file*."""
    line = json.loads(file.read_text())
    line["sha256"] = hashlib.sha256(b"another").hexdigest()
    put(file, json.dumps(line).encode())


async def test_the_streams_of_a_replaced_key_end(file: Path) -> None:
    """Also when an operator has put another one's digest in its line, and changed nothing else."""
    _, text = a_key(file, Role.SUBSCRIBER)
    async with served(file) as channel:
        stub = pb_grpc.PixelServiceStub(channel)
        stream = stub.StreamOpens(pb.StreamOpensRequest(), metadata=bearer(text))
        await stream.read()
        replace_digest(file)

        assert await refusal_of(stream.read()) == (UNAUTHENTICATED, "API_KEY_INVALID", {})


async def test_the_streams_of_an_expired_key_end(file: Path) -> None:
    """A stream that runs ends when its key's time is over."""
    clock = Clock()
    key_id, text = a_key(file, Role.SUBSCRIBER, now=NOW, expire_time=NOW + dt.timedelta(hours=1))
    async with served(file, clock=clock) as channel:
        stub = pb_grpc.PixelServiceStub(channel)
        stream = stub.StreamOpens(pb.StreamOpensRequest(), metadata=bearer(text))
        await stream.read()
        clock.now += dt.timedelta(hours=1)
        refusal = await refusal_of(stream.read())

    assert refusal[:2] == (UNAUTHENTICATED, "API_KEY_EXPIRED")
    assert refusal[2]["key_id"] == key_id


async def test_a_key_works_soon_after_it_was_made(file: Path) -> None:
    """A running service sees keys that are made, without a restart."""
    a_key(file, Role.ADMIN)
    async with served(file) as channel:
        stub = pb_grpc.PixelServiceStub(channel)
        key_id, text = a_key(file, Role.SUBSCRIBER)
        async with asyncio.timeout(30):
            await until_known(stub, text, as_=key_id)


async def until_known(stub: "pb_grpc.PixelServiceAsyncStub", text: str, *, as_: str) -> None:
    """Call until the server knows the owner of a key."""
    while True:
        call = stub.ListOpens(pb.ListOpensRequest(), metadata=bearer(text))
        if await call.code() is grpc.StatusCode.OK:
            assert (await call).cursor == as_
            return
        await asyncio.sleep(0.05)


def broken(file: Path) -> None:
    file.write_text("broken")


def opened_to_others(file: Path) -> None:
    file.chmod(0o644)


@pytest.mark.parametrize(
    ("spoil", "why"), [(broken, "no JSON"), (opened_to_others, "others have access")]
)
async def test_a_broken_file_leaves_the_keys_as_they_were(
    file: Path, spoil: Callable[[Path], None], why: str
) -> None:
    """A change that cannot be read is reported, and those who could call still can."""
    key_id, text = a_key(file, Role.SUBSCRIBER)
    keys = ApiKeys(file)
    (before,) = Admission(keys).conditions()
    with capture_logs() as logs:
        async with served(file, keys=keys) as channel:
            stub = pb_grpc.PixelServiceStub(channel)
            spoil(file)
            async with asyncio.timeout(30):
                said = await until_error(logs)
                await until_known(stub, text, as_=key_id)
            (after,) = Admission(keys).conditions()

    assert (before.holds, after.holds, after.is_required) == (True, False, False)
    assert said["event"] == "API keys cannot be read, those from before stay"
    assert why in said["reason"]


async def until_error(logs: Sequence[MutableMapping[str, Any]]) -> MutableMapping[str, Any]:
    """Return the first error that is logged."""
    while True:
        for each in logs:
            if each["log_level"] == "error":
                return each
        await asyncio.sleep(0.05)


def octets_of(file: Path) -> tuple[int, bytes]:
    """Return which file it is, and what is in it."""
    return file.stat().st_ino, file.read_bytes()


async def test_use_is_noted_beside_the_file(file: Path) -> None:
    """Operators learn when a key was last used, and the file of keys is not written."""
    key_id, text = a_key(file, Role.SUBSCRIBER)
    unused, _ = a_key(file, Role.SUBSCRIBER)
    before = octets_of(file)
    async with served(file) as channel:
        stub = pb_grpc.PixelServiceStub(channel)
        await stub.ListOpens(pb.ListOpensRequest(), metadata=bearer(text))

    assert read_last_use(file) == {key_id: NOW}
    assert unused in read_keys(file)
    assert octets_of(file) == before


async def test_a_stream_is_a_use_for_as_long_as_it_runs(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subscriber that calls once and streams for days is not taken for one that is gone."""
    monkeypatch.setattr(live_keys, "NOTE_SECONDS", 0.01)
    clock = Clock()
    key_id, text = a_key(file, Role.SUBSCRIBER)
    async with served(file, clock=clock) as channel:
        stub = pb_grpc.PixelServiceStub(channel)
        stream = stub.StreamOpens(pb.StreamOpensRequest(), metadata=bearer(text))
        await stream.read()
        clock.now += dt.timedelta(days=3)
        async with asyncio.timeout(30):
            await until_noted(file, {key_id: clock.now})
        stream.cancel()


async def until_noted(file: Path, used: dict[str, dt.datetime]) -> None:
    while read_last_use(file) != used:  # noqa: ASYNC110 - another task writes a file
        await asyncio.sleep(0.01)


def reflection_stub(channel: grpc.aio.Channel) -> Any:  # noqa: ANN401 - generated without types
    return reflection_pb2_grpc.ServerReflectionStub(cast("Any", channel))


async def test_health_is_everybodys_and_reflection_is_not(file: Path) -> None:
    """A probe needs no key; whoever asks what can be called needs any."""
    _, text = a_key(file, Role.SENDER)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    async with served(file) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        reflection = reflection_stub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest(service=NAME))
        refusal = await refusal_of(reflection.ServerReflectionInfo(iter([request])).read())
        call = reflection.ServerReflectionInfo(iter([request]), metadata=bearer(text))
        services = (await call.read()).list_services_response.service
        call.cancel()

    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert refusal[:2] == (UNAUTHENTICATED, "API_KEY_MISSING")
    assert NAME in {each.name for each in services}


async def test_reflection_can_be_switched_off(file: Path) -> None:
    """Then there is none, whoever asks."""
    _, text = a_key(file, Role.ADMIN)
    async with served(file, has_reflection=False) as channel:
        reflection = reflection_stub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await reflection.ServerReflectionInfo(iter([]), metadata=bearer(text)).read()

    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
