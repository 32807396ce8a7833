"""The gRPC server over a real channel: errors, limits, health, reflection, drain."""

import asyncio
import contextlib
import datetime as dt
import socket
from collections import Counter
from collections.abc import AsyncIterator
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
from service_runtime import grpc_server as grpc_server_module
from service_runtime.certificates import Certificate
from service_runtime.drain import Drain
from service_runtime.errors import FieldViolation, InvalidFields, ServiceError
from service_runtime.grpc_server import GrpcService, grpc_server
from service_runtime.listen import ListenError, split_address
from service_runtime.tls_files import TlsFiles
from tests.fixtures.certificates import Authority

NAME = pb.DESCRIPTOR.services_by_name["PixelService"].full_name
Context = grpc.aio.ServicerContext[pb.ListOpensRequest, pb.ListOpensResponse]
StreamContext = grpc.aio.ServicerContext[pb.StreamOpensRequest, pb.StreamOpensResponse]


class OutOfPaper(ServiceError):
    """An error of the test's own."""

    reason = "OUT_OF_PAPER"
    retry_delay = dt.timedelta(seconds=3)


class FaultyServicer(pb_grpc.PixelServiceServicer):
    """Does what the request's page token, or its cursor, says."""

    async def ListOpens(  # noqa: N802 - the contract's name
        self, request: pb.ListOpensRequest, context: Context
    ) -> pb.ListOpensResponse:
        del context
        fail(request.page_token)
        return pb.ListOpensResponse(cursor="x" * request.page_size)

    async def StreamOpens(  # noqa: N802 - the contract's name
        self, request: pb.StreamOpensRequest, context: StreamContext
    ) -> AsyncIterator[pb.StreamOpensResponse]:
        del context
        yield pb.StreamOpensResponse()
        if request.after_cursor == "wait":
            await asyncio.Event().wait()
        fail(request.after_cursor)

    def SearchOpens(self, request: Any, context: Any) -> Any:  # noqa: N802, ANN401 - never called
        raise NotImplementedError

    async def AcknowledgeOpens(  # noqa: N802 - the contract's name
        self,
        request: pb.AcknowledgeOpensRequest,
        context: grpc.aio.ServicerContext[pb.AcknowledgeOpensRequest, pb.AcknowledgeOpensResponse],
    ) -> pb.AcknowledgeOpensResponse:
        raise NotImplementedError


def fail(how: str) -> None:
    match how:
        case "service error":
            raise OutOfPaper("the tray is empty", metadata={"tray": "2"})
        case "invalid fields":
            raise InvalidFields(
                FieldViolation(field="a", description="is missing"),
                FieldViolation(field="b[1]", description="is too long"),
            )
        case "fault":
            raise RuntimeError("SELECT secret FROM /var/lib")
        case _:
            pass


@contextlib.asynccontextmanager
async def served(
    drain: Drain | None = None, *, max_calls: int = 100
) -> AsyncIterator[grpc.aio.Channel]:
    async with serving(drain, max_calls=max_calls) as address, connected(address) as channel:
        yield channel


@contextlib.asynccontextmanager
async def serving(
    drain: Drain | None = None,
    *,
    max_calls: int = 100,
    listen: str = "127.0.0.1:0",
    certificate: Certificate | None = None,
) -> AsyncIterator[str]:
    servicer = FaultyServicer()
    async with grpc_server(
        listen=listen,
        services=[
            GrpcService(
                name=NAME,
                add=lambda server: pb_grpc.add_PixelServiceServicer_to_server(servicer, server),
            )
        ],
        status_codes={OutOfPaper: grpc.StatusCode.UNAVAILABLE},
        drain=drain or Drain(),
        max_message_octets=100_000,
        max_calls=max_calls,
        certificate=certificate,
    ) as address:
        yield address


def connected(address: str) -> grpc.aio.Channel:
    """Return a channel with a connection of its own: others to one target share theirs."""
    return grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """Return the reason that *error* gives; empty without one."""
    info = error_details_pb2.ErrorInfo()
    status = rpc_status.from_call(error)  # type: ignore[arg-type] # typed for the synchronous API
    if status is not None:
        status.details[0].Unpack(info)
    return str(info.reason)


def health_stub(channel: grpc.aio.Channel) -> Any:  # noqa: ANN401 - its types lack the methods
    return health_pb2_grpc.HealthStub(channel)


async def call(channel: grpc.aio.Channel, how: str, *, streaming: bool) -> grpc.aio.AioRpcError:
    """Return the error that a call ends with."""
    stub = pb_grpc.PixelServiceStub(channel)
    try:
        if streaming:
            async for _ in stub.StreamOpens(pb.StreamOpensRequest(after_cursor=how)):
                pass
        else:
            await stub.ListOpens(pb.ListOpensRequest(page_token=how))
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError("the call ended well")


@pytest.mark.parametrize("streaming", [False, True])
async def test_service_error_becomes_its_status_with_error_info(*, streaming: bool) -> None:
    """A client gets code, sentence, reason, metadata and when to retry."""
    async with served() as channel:
        error = await call(channel, "service error", streaming=streaming)

    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert error.details() == "the tray is empty"
    status = rpc_status.from_call(error)  # type: ignore[arg-type] # typed for the synchronous API
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain, dict(info.metadata)) == (
        "OUT_OF_PAPER",
        "emailopens",
        {"tray": "2"},
    )
    assert status.details[1].Unpack(retry)
    assert retry.retry_delay.seconds == 3


async def test_invalid_fields_name_every_field() -> None:
    """A client learns everything that is wrong with its request at once."""
    async with served() as channel:
        error = await call(channel, "invalid fields", streaming=False)

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    status = rpc_status.from_call(error)  # type: ignore[arg-type] # typed for the synchronous API
    bad = error_details_pb2.BadRequest()
    assert status.details[1].Unpack(bad)
    assert [(each.field, each.description) for each in bad.field_violations] == [
        ("a", "is missing"),
        ("b[1]", "is too long"),
    ]


@pytest.mark.parametrize("streaming", [False, True])
async def test_fault_of_ours_tells_the_caller_nothing_but_an_id(*, streaming: bool) -> None:
    """SQL, paths and addresses in an exception's text stay with us, under the same ID."""
    async with served() as channel:
        with capture_logs() as logged:
            error = await call(channel, "fault", streaming=streaming)

    assert error.code() is grpc.StatusCode.INTERNAL
    (entry,) = [each for each in logged if each["event"] == "call failed"]
    assert error.details() == f"internal error; the service's log has {entry['request_id']}"
    assert "SELECT" not in repr(error)
    assert "SELECT" not in str(entry)
    assert entry["error"] == "RuntimeError"
    assert entry["frames"][-1].endswith(" fail")


@pytest.mark.parametrize("streaming", [False, True])
async def test_request_that_cannot_be_decoded_is_the_callers_fault(*, streaming: bool) -> None:
    """It is told so with a reason, and the log gets one line of it."""
    async with served() as channel:
        calls: Any = channel  # typed for messages, not for octets
        if streaming:
            answer = calls.unary_stream(f"/{NAME}/StreamOpens")(b"\xff\xff\xff").read()
        else:
            answer = calls.unary_unary(f"/{NAME}/ListOpens")(b"\xff\xff\xff")
        with capture_logs() as logged, pytest.raises(grpc.aio.AioRpcError) as raised:
            await answer

    error = raised.value
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of(error) == "REQUEST_UNDECODABLE"
    assert [each["event"] for each in logged] == ["request cannot be decoded"]


async def test_calls_that_come_at_one_moment_are_all_answered() -> None:
    """Below the limit of calls none is dropped because others have come with it."""
    count = 3_500
    async with served(max_calls=2 * count) as channel:
        stub = pb_grpc.PixelServiceStub(channel)
        answers = await asyncio.gather(
            *(stub.ListOpens(pb.ListOpensRequest(page_size=1)) for _ in range(count))
        )

    assert {each.cursor for each in answers} == {"x"}


async def test_calls_are_answered_as_long_as_a_stream_runs() -> None:
    """A client acknowledges what its stream has brought it, also in a drain."""
    drain = Drain()
    async with contextlib.AsyncExitStack() as stack:
        server = contextlib.AsyncExitStack()
        address = await server.enter_async_context(serving(drain))
        channel = await stack.enter_async_context(connected(address))
        stub = pb_grpc.PixelServiceStub(channel)
        stream = stub.StreamOpens(pb.StreamOpensRequest(after_cursor="wait"))
        await stream.read()
        drain.begin()
        stopping = asyncio.ensure_future(server.aclose())
        answers = [await stub.ListOpens(pb.ListOpensRequest(page_size=1)) for _ in range(100)]
        stream.cancel()
        await stopping

    assert {each.cursor for each in answers} == {"x"}


async def test_calls_of_a_drain_are_answered_or_refused_as_such(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Clients that call again at once are never told that a call was cancelled."""
    # Longer than between machines: all clients and the server are in one process, which may
    # have to wait for its turn while a call is on its way.
    monkeypatch.setattr(grpc_server_module, "_HOLD_SECONDS", 1.5)
    monkeypatch.setattr(grpc_server_module, "_GO_AWAY_SECONDS", 0.5)
    stops, clients = 2, 40
    ends: Counter[tuple[grpc.StatusCode, str]] = Counter()

    async def call_until_refused(stub: "pb_grpc.PixelServiceAsyncStub") -> None:
        with contextlib.suppress(grpc.aio.AioRpcError):
            while True:
                try:
                    await stub.ListOpens(pb.ListOpensRequest(page_size=1))
                except grpc.aio.AioRpcError as error:
                    ends[error.code(), reason_of(error)] += 1
                    if reason_of(error) != "DRAINING":
                        raise

    for _ in range(stops):
        # Nothing takes so long, but a call that is still there at its end is cancelled.
        drain = Drain(grace=dt.timedelta(seconds=60))
        async with contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            server = contextlib.AsyncExitStack()
            address = await server.enter_async_context(serving(drain, max_calls=1_000))
            for _ in range(clients):
                channel = await stack.enter_async_context(connected(address))
                await channel.channel_ready()
                group.create_task(call_until_refused(pb_grpc.PixelServiceStub(channel)))
            drain.begin()
            await server.aclose()

    assert {code for code, _ in ends} == {grpc.StatusCode.UNAVAILABLE}
    assert ends[grpc.StatusCode.UNAVAILABLE, "DRAINING"] >= stops * clients


async def test_message_over_the_limit_is_refused() -> None:
    """The limit is ours, not gRPC's default."""
    async with served() as channel:
        error = await call(channel, "x" * 100_001, streaming=False)

    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_metadata_without_end_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    """Before anything of ours sees them; the connection, and others, go on."""
    async with served() as channel:
        stub = pb_grpc.PixelServiceStub(channel)
        for metadata in (
            (("x-long", "a" * 100_000),),
            tuple((f"x-{number}", "b" * 30) for number in range(2_000)),
            (("authorization", "Bearer " + "c" * 100_000),),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await stub.ListOpens(pb.ListOpensRequest(page_size=1), metadata=metadata)
            assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            answer = await stub.ListOpens(pb.ListOpensRequest(page_size=1))
            assert answer.cursor == "x"

    assert caplog.records == []


async def test_calls_beyond_the_limit_wait_in_the_client() -> None:
    """Memory is bounded by the calls at once; one connection's further ones are late, not lost."""
    async with serving(max_calls=4) as address, connected(address) as channel:
        stub = pb_grpc.PixelServiceStub(channel)
        streams = [stub.StreamOpens(pb.StreamOpensRequest(after_cursor="wait")) for _ in range(2)]
        for stream in streams:
            await stream.read()
        late = asyncio.ensure_future(stub.ListOpens(pb.ListOpensRequest(page_size=1)))
        # Another connection is answered meanwhile, so that the late one would be, too.
        async with connected(address) as other:
            await pb_grpc.PixelServiceStub(other).ListOpens(pb.ListOpensRequest())
        was_answered = late.done()
        streams[0].cancel()
        answer = await late

    assert not was_answered
    assert answer.cursor == "x"


async def test_calls_of_all_connections_are_limited() -> None:
    """Beyond the limit a call ends at once, with the code for it."""
    async with serving(max_calls=1) as address, connected(address) as channel:
        stream = pb_grpc.PixelServiceStub(channel).StreamOpens(
            pb.StreamOpensRequest(after_cursor="wait")
        )
        await stream.read()
        async with connected(address) as other:
            error = await call(other, "", streaming=False)

    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_handshake_that_is_not_ended_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who never agrees on keys holds no connection for long."""
    monkeypatch.setattr(grpc_server_module, "_HANDSHAKE_MS", 200)
    certificate, key = Authority().issue().write(tmp_path)
    files = TlsFiles(certificate=certificate, key=key)
    async with serving(certificate=Certificate(files, port="grpc")) as address:
        reader, writer = await asyncio.open_connection(*split_address(address))
        writer.write(b"\x16\x03\x01\x02\x00\x01")

        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()


async def test_connections_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who connects without end is refused, and when those end others are served again."""
    monkeypatch.setattr(grpc_server_module, "_CONNECTIONS", 5)

    async def first_octet(reader: asyncio.StreamReader) -> bytes:
        with contextlib.suppress(ConnectionError):
            return await reader.read(1)
        return b""

    async with serving(max_calls=5) as address:
        silent = [await asyncio.open_connection(*split_address(address)) for _ in range(10)]
        # Those that are served are told gRPC's settings.
        first = [await first_octet(reader) for reader, _ in silent]
        for _, writer in silent:
            writer.close()
        async with connected(address) as channel:
            await channel.channel_ready()

    assert sorted(map(len, first)) == [0] * 5 + [1] * 5


async def test_health_and_reflection_name_the_service() -> None:
    """Load balancers and reflection clients find what they look for."""
    async with served() as channel:
        health = health_stub(channel)
        answers = [
            await health.Check(health_pb2.HealthCheckRequest(service=name)) for name in ("", NAME)
        ]
        # Typed for synchronous channels only, like health's.
        reflection: Any = reflection_pb2_grpc.ServerReflectionStub(cast("Any", channel))
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        names = [
            service.name
            async for response in reflection.ServerReflectionInfo(cast("Any", iter([request])))
            for service in response.list_services_response.service
        ]

    assert [answer.status for answer in answers] == [health_pb2.HealthCheckResponse.SERVING] * 2
    assert NAME in names


async def test_health_says_not_serving_as_soon_as_the_drain_begins() -> None:
    """Whoever watches health sends no new calls to a process that is about to stop."""
    drain = Drain()
    async with served(drain) as channel:
        statuses = aiter(health_stub(channel).Watch(health_pb2.HealthCheckRequest()))
        first = await anext(statuses)
        drain.begin()
        second = await anext(statuses)
        still_answered = await pb_grpc.PixelServiceStub(channel).ListOpens(
            pb.ListOpensRequest(page_size=1)
        )

    assert first.status == health_pb2.HealthCheckResponse.SERVING
    assert second.status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert still_answered.cursor == "x"


async def test_health_of_a_service_follows_what_it_says_of_itself() -> None:
    """A service that lacks what it needs is named, and the server as a whole still answers."""
    is_well = True
    async with (
        grpc_server(
            listen="127.0.0.1:0",
            services=[GrpcService(name=NAME, add=lambda _: None, can_serve=lambda: is_well)],
            status_codes={},
            drain=Drain(),
        ) as address,
        connected(address) as channel,
    ):
        health = health_stub(channel)
        statuses = aiter(health.Watch(health_pb2.HealthCheckRequest(service=NAME)))
        seen = [(await anext(statuses)).status]
        is_well = False
        seen.append((await anext(statuses)).status)
        is_well = True
        seen.append((await anext(statuses)).status)
        whole = await health.Check(health_pb2.HealthCheckRequest())

    serving = health_pb2.HealthCheckResponse.SERVING
    assert seen == [serving, health_pb2.HealthCheckResponse.NOT_SERVING, serving]
    assert whole.status == serving


async def test_taken_port_is_one_clear_error() -> None:
    """A second instance does not silently share the port."""
    async with contextlib.AsyncExitStack() as stack:
        address = await stack.enter_async_context(
            grpc_server(listen="127.0.0.1:0", services=[], status_codes={}, drain=Drain())
        )
        with pytest.raises(ListenError, match=f"cannot listen at {address}"):
            await stack.enter_async_context(
                grpc_server(listen=address, services=[], status_codes={}, drain=Drain())
            )


async def test_all_of_ipv4_does_not_mean_ipv6() -> None:
    """A server at `0.0.0.0` answers there, and has nothing open where nobody looks for it."""
    async with serving(listen="0.0.0.0:0") as address:
        port = address.rpartition(":")[2]
        async with connected(f"127.0.0.1:{port}") as channel:
            await health_stub(channel).Check(health_pb2.HealthCheckRequest())
        with socket.socket(socket.AF_INET6) as client:
            assert client.connect_ex(("::1", int(port))) != 0
