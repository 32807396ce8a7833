"""`OpenStream` does the resume loop right, against real services that fail for real."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest

from emailopens.notification.v1 import open_notification_pb2
from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from emailopens.pixel.v1 import subscription_service_pb2 as subscription_pb
from emailopens_client import LogEnd, OpenStream, Tls, TlsFilesUnusable, is_pause
from pixel_service.open_log import OpenLog
from service_runtime.protection import Protection
from tests.fixtures.tls_services import RING, Certificates, a_pixel_service
from tests.pixel.open_log.log_values import event_ids, new_opens
from tests.pixel.service_values import StreamService, a_log, a_token, seal, streaming

SECOND = dt.timedelta(seconds=1)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[OpenLog]:
    async with a_log(tmp_path) as open_log:
        yield open_log


async def create(service: StreamService) -> None:
    await service.subscriptions.CreateSubscription(
        subscription_pb.CreateSubscriptionRequest(
            subscription=subscription_pb.Subscription(id="crm"), position=pb.POSITION_EARLIEST
        )
    )


async def lag(service: StreamService) -> int:
    response = await service.subscriptions.GetSubscription(
        subscription_pb.GetSubscriptionRequest(subscription_id="crm")
    )
    return response.subscription.lag


async def take(opens: OpenStream, count: int) -> list[str]:
    """Return the event IDs of the next *count* notifications."""
    found: list[str] = []
    async for notification in opens:
        found.append(notification.event_id)
        if len(found) == count:
            break
    return found


class Proxy:
    """Forwards connections to a service, and can cut or freeze them."""

    def __init__(self) -> None:
        self.target = ""
        self.accepted = 0
        self.was_called = asyncio.Event()
        self.is_frozen = False
        self.refusals = 0
        """How many connections are refused next."""
        self._writers: list[asyncio.StreamWriter] = []

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.was_called.set()
        if self.refusals:
            self.refusals -= 1
            writer.transport.abort()
            return
        host, port = self.target.split(":")
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.close()
            return
        self._writers += [writer, upstream_writer]
        await asyncio.gather(
            self._pump(reader, upstream_writer), self._pump(upstream_reader, writer)
        )

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while octets := await reader.read(65_536):
                if not self.is_frozen:
                    writer.write(octets)
                    await writer.drain()
        writer.close()

    def cut(self) -> None:
        """Break every connection."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()


@pytest.fixture
async def proxy() -> AsyncIterator[tuple[Proxy, str]]:
    between = Proxy()
    server = await asyncio.start_server(between.connect, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield between, f"127.0.0.1:{port}"
    finally:
        between.cut()
        server.close()
        await server.wait_closed()


async def test_delivers_everything_and_ends_at_the_head(log: OpenLog) -> None:
    """In order, with a cursor that continues."""
    opens = new_opens(2_500)
    await log.append(opens)
    async with streaming(log) as service:
        async with OpenStream(
            service.address, position=LogEnd.EARLIEST, stop_at_head=True
        ) as stream:
            found = [notification.event_id async for notification in stream]
        later = new_opens(1)
        await log.append(later)
        async with OpenStream(
            service.address, after_cursor=stream.cursor, stop_at_head=True
        ) as rest:
            assert [each.event_id async for each in rest] == event_ids(later)

    assert found == event_ids(opens)


async def test_cut_connections_lose_and_repeat_nothing(
    log: OpenLog, proxy: tuple[Proxy, str]
) -> None:
    """Whenever the connection breaks, the stream goes on where it stopped."""
    between, address = proxy
    opens = new_opens(300)
    async with streaming(log) as service:
        between.target = service.address
        async with OpenStream(address, position=LogEnd.EARLIEST) as stream:
            found: list[str] = []
            for start in range(0, 300, 100):
                await log.append(opens[start : start + 100])
                found += await take(stream, 100)
                between.cut()

    assert found == event_ids(opens)
    assert between.accepted >= 3


async def test_restarted_service_is_found_again(log: OpenLog, proxy: tuple[Proxy, str]) -> None:
    """A drain and a new process are no event for the body."""
    between, address = proxy
    opens = new_opens(20)
    async with OpenStream(address, position=LogEnd.EARLIEST) as stream:
        for start in (0, 10):
            async with streaming(log, grace=dt.timedelta(milliseconds=200)) as service:
                between.target = service.address
                await log.append(opens[start : start + 10])
                assert await take(stream, 10) == event_ids(opens[start : start + 10])
                service.drain.begin()


async def test_silent_stream_is_given_up(log: OpenLog, proxy: tuple[Proxy, str]) -> None:
    """After three heartbeat intervals without a sign of life it calls again."""
    between, address = proxy
    opens = new_opens(2)
    async with streaming(log) as service:
        between.target = service.address
        await log.append(opens[:1])
        async with OpenStream(
            address, position=LogEnd.EARLIEST, heartbeat_interval=SECOND
        ) as stream:
            first = await take(stream, 1)
            between.is_frozen = True
            await log.append(opens[1:])

            async def thaw() -> None:
                between.was_called.clear()
                await between.was_called.wait()
                between.is_frozen = False

            thawing = asyncio.create_task(thaw())
            second = await take(stream, 1)
            await thawing

    assert first + second == event_ids(opens)


async def test_call_that_never_begins_is_given_up() -> None:
    """The silence before the first response is one like any other."""
    calls = []

    async def answer(
        request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> AsyncIterator[bytes]:
        calls.append(request)
        if len(calls) == 1:
            await asyncio.Event().wait()
        await context.abort(grpc.StatusCode.NOT_FOUND)
        yield b""

    server = grpc.aio.server()
    name = pb.DESCRIPTOR.services_by_name["PixelService"].full_name
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_stream_rpc_method_handler(answer)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(name, {"StreamOpens": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with OpenStream(
        f"127.0.0.1:{port}", position=LogEnd.EARLIEST, heartbeat_interval=SECOND / 5
    ) as stream:
        with pytest.raises(grpc.aio.AioRpcError, match="NOT_FOUND"):
            await take(stream, 1)
    await server.stop(None)

    assert len(calls) == 2


async def test_subscription_is_acknowledged_when_the_body_has_run(log: OpenLog) -> None:
    """A batch counts as processed when the body has run for all of it."""
    opens = new_opens(6)
    await log.append(opens)
    async with streaming(log) as service:
        await create(service)
        async with OpenStream(
            service.address, subscription_id="crm", max_batch_size=2, stop_at_head=True
        ) as stream:
            lags = [await lag(service) async for _ in stream]
        assert await lag(service) == 0

    assert lags == [6, 6, 4, 4, 2, 2]


async def test_body_that_raises_leaves_its_batch_unacknowledged(log: OpenLog) -> None:
    """The next stream delivers it again."""
    opens = new_opens(4)
    await log.append(opens)

    async def fail_at(service: StreamService, event_id: str) -> None:
        async with OpenStream(service.address, subscription_id="crm", max_batch_size=2) as stream:
            async for notification in stream:
                if notification.event_id == event_id:
                    raise RuntimeError("database gone")

    async with streaming(log) as service:
        await create(service)
        with pytest.raises(RuntimeError, match="database gone"):
            await fail_at(service, opens[3].event_id)
        async with OpenStream(service.address, subscription_id="crm", stop_at_head=True) as stream:
            assert [each.event_id async for each in stream] == event_ids(opens[2:])


async def test_redelivered_opens_are_left_out(log: OpenLog, proxy: tuple[Proxy, str]) -> None:
    """When an acknowledgement is lost with the connection, the body sees nothing twice."""
    between, address = proxy
    opens = new_opens(6)
    await log.append(opens[:3])
    async with streaming(log) as service:
        await create(service)
        between.target = service.address
        found = []
        async with OpenStream(address, subscription_id="crm") as stream:
            async for notification in stream:
                found.append(notification.event_id)
                if len(found) == 3:
                    # The last of its batch: what is acknowledged next gets lost.
                    between.refusals = 1
                    between.cut()
                    await log.append(opens[3:])
                if len(found) == 6:
                    break

    assert found == event_ids(opens)


async def test_what_needs_a_decision_is_raised(log: OpenLog) -> None:
    """Calling again would not help; the code says what happened."""

    async def first_of(make: Callable[[], OpenStream]) -> None:
        async with make() as stream:
            await take(stream, 1)

    async with streaming(log) as service:
        for make, code in (
            (
                lambda: OpenStream(service.address, after_cursor="nonsense"),
                grpc.StatusCode.INVALID_ARGUMENT,
            ),
            (
                lambda: OpenStream(service.address, subscription_id="unknown"),
                grpc.StatusCode.NOT_FOUND,
            ),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await first_of(make)
            assert caught.value.code() is code


async def test_taken_over_client_stops(log: OpenLog) -> None:
    """Two clients of one subscription do not fight for it for ever."""
    opens = new_opens(2)
    await log.append(opens[:1])
    async with streaming(log) as service:
        await create(service)
        async with (
            OpenStream(service.address, subscription_id="crm") as older,
            OpenStream(service.address, subscription_id="crm") as newer,
        ):
            await take(older, 1)
            waiting = asyncio.create_task(take(older, 1))
            while await lag(service):
                pass  # until the older one has acknowledged, and waits for more
            taking = asyncio.create_task(take(newer, 1))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await waiting
            await log.append(opens[1:])

            assert await taking == event_ids(opens[1:])

    assert caught.value.code() is grpc.StatusCode.ABORTED


async def test_taken_over_client_acknowledges_no_more(log: OpenLog) -> None:
    """What it processes too late belongs to the newer one."""
    opens = new_opens(1)
    await log.append(opens)
    async with streaming(log) as service:
        await create(service)
        async with (
            OpenStream(service.address, subscription_id="crm") as older,
            OpenStream(service.address, subscription_id="crm") as newer,
        ):
            await take(older, 1)
            assert await take(newer, 1) == event_ids(opens)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await take(older, 1)

    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_wait_that_is_given_up_changes_nothing(log: OpenLog) -> None:
    """A body that does something else now and then sees every notification once."""
    opens = new_opens(40)
    found: list[str] = []
    async with streaming(log) as service:
        await create(service)
        async with OpenStream(service.address, subscription_id="crm", max_batch_size=3) as stream:
            for start in range(0, 40, 10):
                await give_up_waiting(stream)
                await log.append(opens[start : start + 10])
                while len(found) < start + 10:
                    with contextlib.suppress(TimeoutError):
                        notification = await asyncio.wait_for(anext(stream), 0.001)
                        found.append(notification.event_id)
            await give_up_waiting(stream)
            calls = len(service.streams)

    assert found == event_ids(opens)
    assert calls == 1


async def give_up_waiting(stream: OpenStream) -> None:
    """Wait for a notification that does not come."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(stream), 0.05)


async def test_stream_that_has_failed_says_so_again(log: OpenLog) -> None:
    """Whoever goes on after the error does not take it for the end of the log."""
    async with (
        streaming(log) as service,
        OpenStream(service.address, after_cursor="nonsense", stop_at_head=True) as stream,
    ):
        for _ in range(2):
            with pytest.raises(grpc.aio.AioRpcError):
                await anext(stream)


async def test_batches_with_their_cursors_make_processing_exactly_once(log: OpenLog) -> None:
    """A body that keeps a batch and its cursor together goes on without a double or a gap."""
    opens = new_opens(30)
    await log.append(opens)
    kept: list[str] = []
    cursor = ""
    async with streaming(log) as service:
        for crash_after in (1, 2, 100):
            start: Any = {"after_cursor": cursor} if cursor else {"position": LogEnd.EARLIEST}
            async with OpenStream(
                service.address, max_batch_size=7, stop_at_head=True, **start
            ) as stream:
                batches = 0
                async for batch in stream.batches():
                    # A crash in the middle of a transaction: neither of both is kept.
                    if batches == crash_after:
                        break
                    kept += [each.event_id for each in batch.notifications]
                    cursor = batch.cursor
                    batches += 1

    assert kept == event_ids(opens)


class StoppingServicer(pb_grpc.PixelServiceServicer):
    """Cancels the first calls, as a server of gRPC's does that was just stopping."""

    def __init__(self) -> None:
        self.calls = 0

    async def StreamOpens(  # noqa: N802 - the contract's name
        self,
        request: pb.StreamOpensRequest,
        context: grpc.aio.ServicerContext[pb.StreamOpensRequest, pb.StreamOpensResponse],
    ) -> AsyncIterator[pb.StreamOpensResponse]:
        del request
        self.calls += 1
        if self.calls <= 2:
            await context.abort(grpc.StatusCode.CANCELLED)
        notification = open_notification_pb2.OpenNotification(event_id="a")
        yield pb.StreamOpensResponse(
            batch=pb.OpenBatch(notifications=[notification], cursor="after a")
        )

    async def ListOpens(self, request: Any, context: Any) -> Any:  # noqa: N802, ANN401 - never called
        raise NotImplementedError

    def SearchOpens(self, request: Any, context: Any) -> Any:  # noqa: N802, ANN401 - never called
        raise NotImplementedError

    async def AcknowledgeOpens(self, request: Any, context: Any) -> Any:  # noqa: N802, ANN401 - never called
        raise NotImplementedError


async def test_cancellation_that_it_did_not_ask_for_is_got_over() -> None:
    """It is the server's, or a proxy's, and another call helps."""
    server = grpc.aio.server()
    servicer = StoppingServicer()
    pb_grpc.add_PixelServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with OpenStream(
        f"127.0.0.1:{port}", position=LogEnd.EARLIEST, stop_at_head=True
    ) as stream:
        found = [each.event_id async for each in stream]
    await server.stop(None)

    assert found == ["a"]
    assert servicer.calls == 3


def test_time_without_a_zone_is_refused() -> None:
    """Nobody's local time is silently taken for UTC."""
    with pytest.raises(ValueError, match="from_time has no zone"):
        OpenStream("127.0.0.1:1", from_time=dt.datetime(2026, 5, 4, 12, 0))  # noqa: DTZ001 - the point


@pytest.mark.parametrize(
    "start",
    [{}, {"after_cursor": "x", "subscription_id": "y"}, {"after_cursor": ""}],
)
def test_start_must_be_said(start: dict[str, str]) -> None:
    """A forgotten start is an error, and never the latest."""
    with pytest.raises(ValueError, match="give one of"):
        OpenStream("127.0.0.1:1", **start)  # type: ignore[arg-type] # as named


async def fetch(address: str, message_id: str) -> None:
    url = f"http://{address}/o/{seal(a_token(message_id), RING)}.gif"
    async with aiohttp.ClientSession() as browser, browser.get(url) as response:
        assert response.status == 200


async def test_files_that_are_being_renewed_are_waited_for(
    proxy: tuple[Proxy, str], tmp_path: Path
) -> None:
    """A stream that has run goes on when they are there again, from where it stopped."""
    between, address = proxy
    certificates = Certificates(tmp_path / "tls")
    away = certificates.folder / "away"
    failures: list[grpc.aio.AioRpcError | None] = []
    failed = asyncio.Event()

    def note(failure: grpc.aio.AioRpcError | None) -> None:
        failures.append(failure)
        failed.set()

    async with (
        a_pixel_service(tmp_path, Protection(grpc_tls=certificates.plain)) as addresses,
        OpenStream(
            address,
            position=LogEnd.EARLIEST,
            credentials=Tls(ca=certificates.ca),
            on_failure=note,
        ) as opens,
    ):
        between.target = addresses.grpc
        await fetch(addresses.http, "before")
        assert (await anext(opens)).mail.message_id == "before"

        certificates.ca.rename(away)
        between.cut()
        following = asyncio.ensure_future(opens.__anext__())
        while None not in failures:
            await failed.wait()
            failed.clear()
        away.rename(certificates.ca)
        await fetch(addresses.http, "after")

        assert (await following).mail.message_id == "after"


async def test_files_that_cannot_be_used_from_the_beginning_are_an_error(tmp_path: Path) -> None:
    """Somebody has to look: nothing was ever streamed with them."""
    async with OpenStream(
        "127.0.0.1:1", position=LogEnd.LATEST, credentials=Tls(ca=tmp_path / "ca.pem")
    ) as opens:
        with pytest.raises(TlsFilesUnusable, match=r"ca\.pem: No such file"):
            await anext(opens)


async def test_a_paused_subscription_is_waited_for_aloud(log: OpenLog) -> None:
    """Paused before its stream or during it: the body gets everything after it is resumed."""
    opens = new_opens(4)
    failures: list[bool] = []
    paused_again = asyncio.Event()

    def failed(failure: grpc.aio.AioRpcError | None) -> None:
        failures.append(is_pause(failure))
        paused_again.set()

    pausing = subscription_pb.PauseSubscriptionRequest(subscription_id="crm")
    resuming = subscription_pb.ResumeSubscriptionRequest(subscription_id="crm")
    async with streaming(log) as service:
        await create(service)
        found = []
        async with OpenStream(service.address, subscription_id="crm", on_failure=failed) as stream:
            for start in (0, 2):
                paused_again.clear()
                await service.subscriptions.PauseSubscription(pausing)
                taking = asyncio.create_task(take(stream, 2))
                await log.append(opens[start : start + 2])
                await paused_again.wait()
                await service.subscriptions.ResumeSubscription(resuming)
                found += await taking

    assert found == event_ids(opens)
    assert failures
    assert all(failures)
