"""The whole pixel service: a pixel that is fetched arrives on a stream."""

import asyncio
import contextlib
import datetime as dt
import re
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import aiohttp
import grpc
import pytest

from emailopens.notification.v1 import open_notification_pb2 as notification_pb
from emailopens.notification.v1 import privacy_level_pb2
from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from emailopens_client import LogEnd, OpenStream
from examples.pair import HOST, free_ports
from pixel_service import log_process
from pixel_service.injectors import Injectors
from pixel_service.journal import DEFAULT_MAX_OCTETS
from pixel_service.server import Addresses, serve
from pixel_service.settings import Settings
from pixel_service.streaming import DEFAULT_MAX_STREAMS
from service_runtime.background import running
from service_runtime.data_folder import DataFolderError
from service_runtime.drain import Drain
from service_runtime.key_ring import format_key_ring, generate_key_ring, read_key_ring
from tests.fixtures.files import octets_below
from tests.fixtures.in_process import running_in_process
from tests.fixtures.postgres import Postgres
from tests.pixel.grpc_api.rpc_values import info_of
from tests.pixel.service_values import a_token, seal

RING = generate_key_ring()
PROGRAM = Path(sys.executable).with_name("pixel-service")
FREE = "127.0.0.1:0"


@contextlib.asynccontextmanager
async def a_service(
    data: Path,
    drain: Drain,
    *,
    log_url: str | None = None,
    max_journal_octets: int = DEFAULT_MAX_OCTETS,
    max_streams: int = DEFAULT_MAX_STREAMS,
    injectors: tuple[str, ...] = (),
) -> AsyncIterator[Addresses]:
    """Run the service with its data in *data*; at the end, see it end well."""
    settings = Settings(
        http=FREE,
        grpc=FREE,
        admin=FREE,
        data=data,
        log_url=log_url,
        max_journal_octets=max_journal_octets,
        max_streams=max_streams,
        injectors=Injectors(targets=injectors),
        token_keys=format_key_ring(RING),
    )
    async with running_in_process(serve, settings, drain) as addresses:
        yield addresses


async def fetch(address: str, token: str, **headers: str) -> None:
    async with (
        aiohttp.ClientSession(headers=headers) as browser,
        browser.get(f"http://{address}/o/{token}.gif") as response,
    ):
        assert (response.status, len(await response.read())) == (200, 43)


async def read_to_the_end(
    call: grpc.aio.UnaryStreamCall[pb.StreamOpensRequest, pb.StreamOpensResponse],
) -> None:
    while isinstance(await call.read(), pb.StreamOpensResponse):
        pass


async def until_recorded(addresses: Addresses) -> None:
    """Wait until everything that was answered for is in the log."""
    async with aiohttp.ClientSession() as operator:
        while True:
            async with operator.get(f"http://{addresses.admin}/metrics") as response:
                metrics = dict(line.rsplit(" ", 1) for line in (await response.text()).splitlines())
            # On a disk that is slow just now, memory alone has it for a while.
            answered = float(metrics["opens_durable_total"]) + float(metrics["held_opens"])
            # Each open of a test's message is one of the log for each configuration, at least.
            if float(metrics["opens_recorded_total"]) >= answered:
                return
            await asyncio.sleep(0.01)


async def recorded(addresses: Addresses) -> list[notification_pb.OpenNotification]:
    """Return everything in the log, once all that was answered for is there."""
    await until_recorded(addresses)
    async with OpenStream(addresses.grpc, position=LogEnd.EARLIEST, stop_at_head=True) as opens:
        return [notification async for notification in opens]


async def test_fetched_pixel_arrives_on_a_stream(tmp_path: Path) -> None:
    """A fetch becomes one notification for each configuration, with who fetched what."""
    token = seal(a_token(configuration_ids=["audit"]), RING)
    async with a_service(tmp_path, Drain()) as addresses:
        async with grpc.aio.insecure_channel(addresses.grpc) as channel:
            call = pb_grpc.PixelServiceStub(channel).StreamOpens(
                pb.StreamOpensRequest(position=pb.POSITION_LATEST)
            )
            await call.read()
            await fetch(addresses.http, token, **{"User-Agent": "Thunderbird/140"})
            response = await call.read()
            assert isinstance(response, pb.StreamOpensResponse)
        first, second = response.batch.notifications

    assert (first.configuration_id, second.configuration_id) == ("news", "audit")
    assert first.event_id.partition(":")[0] == second.event_id.partition(":")[0]
    assert (first.event_id[-2:], second.event_id[-2:]) == (":0", ":1")
    assert first.mail.message_id == "m1"
    assert list(first.mail.tags["ses:from-domain"]) == ["example.com"]
    assert (first.open.ip_address, first.open.user_agent) == ("127.0.0.1", "Thunderbird/140")
    assert (first.open.evidence.first_open, first.open.evidence.open_number) == (True, 1)
    assert first.open.burst == 1


async def test_streams_leave_room_for_other_calls_on_their_connection(tmp_path: Path) -> None:
    """A client that has all the streams it may have can still acknowledge."""
    async with (
        a_service(tmp_path, Drain(), max_streams=1) as addresses,
        grpc.aio.insecure_channel(addresses.grpc) as channel,
    ):
        pixel = pb_grpc.PixelServiceStub(channel)
        call = pixel.StreamOpens(pb.StreamOpensRequest(position=pb.POSITION_LATEST))
        await call.read()

        await pixel.ListOpens(pb.ListOpensRequest(), timeout=10)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await pixel.StreamOpens(pb.StreamOpensRequest(position=pb.POSITION_LATEST)).read()
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_opens_outlive_the_process(tmp_path: Path) -> None:
    """After a restart everything is there, in order, and numbering goes on."""
    token = seal(a_token(), RING)
    async with a_service(tmp_path, Drain()) as addresses:
        await fetch(addresses.http, token)
    async with a_service(tmp_path, Drain()) as addresses:
        await fetch(addresses.http, token)
        found = await recorded(addresses)

    assert [each.open.evidence.open_number for each in found] == [1, 2]
    assert len({each.event_id for each in found}) == 2


async def test_what_came_until_the_end_is_in_the_log(tmp_path: Path) -> None:
    """Also fetches beyond a message's budget, which are recorded together at the end."""
    settings = Settings(
        http=FREE,
        grpc=FREE,
        admin=FREE,
        data=tmp_path,
        max_opens_of_message=1,
        token_keys=format_key_ring(RING),
    )
    token = seal(a_token(), RING)
    async with running_in_process(serve, settings, Drain()) as addresses:
        for _ in range(3):
            await fetch(addresses.http, token)

    with contextlib.closing(sqlite3.connect(tmp_path / "opens.db")) as log:
        found = log.execute("SELECT open_number, collapsed FROM opens ORDER BY sequence").fetchall()
    assert found == [(1, 0), (2, 1)]


@pytest.mark.guarantee(
    "G6",
    "A forged, truncated or foreign token is never recorded and is indistinguishable from outside",
)
async def test_forged_token_is_served_but_not_recorded(tmp_path: Path) -> None:
    """Answers to a valid, a forged and a nonsense token differ in nothing but the date."""
    token = seal(a_token(), RING)
    forged = seal(a_token(), generate_key_ring())
    answers = []
    async with a_service(tmp_path, Drain()) as addresses:
        for each in (token, forged, "nonsense", token[:-1]):
            async with (
                aiohttp.ClientSession() as browser,
                browser.get(f"http://{addresses.http}/o/{each}.gif") as response,
            ):
                headers = {k: v for k, v in response.headers.items() if k != "Date"}
                answers.append((response.status, headers, await response.read()))
        found = await recorded(addresses)

    assert all(each == answers[0] for each in answers)
    assert len(found) == 1


async def test_configuration_that_only_counts_is_not_notified(tmp_path: Path) -> None:
    """Its opens are counted in the log, and streams do not carry them."""
    token = a_token(statistics_configuration_ids=["count"])
    async with a_service(tmp_path, Drain()) as addresses:
        await fetch(addresses.http, seal(token, RING))
        found = await recorded(addresses)

    assert [each.configuration_id for each in found] == ["news"]


async def test_drain_answers_what_was_asked_and_ends(tmp_path: Path) -> None:
    """Readiness says so, and the service ends by itself inside its grace."""
    drain = Drain()
    async with a_service(tmp_path, drain) as addresses, aiohttp.ClientSession() as operator:
        async with operator.get(f"http://{addresses.admin}/readyz") as response:
            assert response.status == 200
        drain.begin()

    with pytest.raises(aiohttp.ClientConnectionError):
        await fetch(addresses.http, "x")


async def test_embedded_default_makes_its_own_keys(tmp_path: Path) -> None:
    """The first start writes a key ring that its owner alone may read."""
    drain = Drain()
    settings = Settings(http=FREE, grpc=FREE, admin=FREE, data=tmp_path / "new")
    ready: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    async with running(serve(settings, drain, on_ready=ready.set_result)) as service:
        await ready
        drain.begin()
        await service
    path = tmp_path / "new/token_keys"

    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
    assert read_key_ring(path).active_key_id == 1


async def test_data_folder_that_is_none_is_one_clear_error(tmp_path: Path) -> None:
    """Nothing is started."""
    (tmp_path / "file").touch()
    settings = Settings(http=FREE, grpc=FREE, admin=FREE, data=tmp_path / "file")

    with pytest.raises(DataFolderError, match=r"data folder .*file: "):
        await serve(settings, Drain())


@pytest.mark.parametrize(
    ("option", "left"),
    [
        ("--recipient=Reader@Example.org", ["m2", "m3"]),
        ("--recipient=hidden@example.net", ["m1", "m2", "m1"]),
        ("--message-id=m1", ["m2", "m3"]),
        ("--recipient=er@example.org", ["m1", "m2", "m3", "m1"]),
        ("--recipient=Somebody <READER@example.org>", ["m2", "m3"]),
    ],
)
async def test_erased_opens_are_gone(option: str, left: list[str], tmp_path: Path) -> None:
    """Those of one recipient, hidden or not, or of one message; all others stay."""
    tokens = [
        a_token("m1"),
        a_token("m2", to="Other <other@example.org>"),
        a_token("m3", to="list@example.com", recipient="hidden@example.net"),
        a_token("m1"),
    ]
    async with a_service(tmp_path, Drain()) as addresses:
        for token in tokens:
            await fetch(addresses.http, seal(token, RING))
        process = await asyncio.create_subprocess_exec(
            *(PROGRAM, "opens", "erase", f"--target={addresses.grpc}", option),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        await fetch(addresses.http, seal(a_token("m9"), RING))
    async with a_service(tmp_path, Drain()) as addresses:
        found = [each.mail.message_id for each in await recorded(addresses)]

    assert found == [*left, "m9"]
    assert output.decode() == f"{4 - len(left)} opens erased\n"


async def test_discarded_values_are_in_no_file(tmp_path: Path) -> None:
    """What a privacy level does not keep is nowhere below the data folder."""
    secrets = {
        "address": "reader@example.org",
        "subject": "Hello",
        "agent": "Telltale-Agent/1",
        "sender": "news@example.com",
    }
    token = a_token("anonymous-message")
    token.privacy_level = privacy_level_pb2.PRIVACY_LEVEL_ANONYMOUS
    async with a_service(tmp_path, Drain()) as addresses:
        await fetch(addresses.http, seal(token, RING), **{"User-Agent": secrets["agent"]})
        (found,) = await recorded(addresses)
        octets = octets_below(tmp_path)

    assert found.privacy_level == privacy_level_pb2.PRIVACY_LEVEL_ANONYMOUS
    assert found.event_id.encode() in octets
    for secret in (*secrets.values(), "anonymous-message", "127.0.0.1"):
        assert secret.encode() not in octets, secret
        assert secret not in str(found)


async def test_metrics_tell_what_was_fetched(tmp_path: Path) -> None:
    """Recorded and forged apart, and nothing that names anybody."""
    async with a_service(tmp_path, Drain()) as addresses, aiohttp.ClientSession() as operator:
        for token in (seal(a_token(), RING), "forged"):
            await fetch(addresses.http, token)
        async with operator.get(f"http://{addresses.admin}/metrics") as response:
            text = await response.text()

    assert 'fetches_total{result="recorded"} 1.0' in text
    assert 'fetches_total{result="invalid_token"} 1.0' in text
    assert "opens_durable_total 1.0" in text
    assert "opens_lost_total 0.0" in text


async def test_operators_see_how_old_the_counts_of_an_injector_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a metric and a condition, which the process is ready without; statistics go on."""
    monkeypatch.setattr(log_process, "_MAX_TRACKED_AGE", dt.timedelta(0))
    injector = f"{HOST}:{free_ports(1)}"
    async with (
        a_service(tmp_path, Drain(), injectors=(injector,)) as addresses,
        aiohttp.ClientSession() as operator,
    ):
        await until_recorded(addresses)
        async with operator.get(f"http://{addresses.admin}/readyz") as response:
            ready, conditions = response.status, await response.text()
        async with operator.get(f"http://{addresses.admin}/metrics") as response:
            metrics = await response.text()

    assert ready == HTTPStatus.OK
    assert f"messages tracked are collected: no ({injector}: " in conditions
    assert re.search(
        rf'^messages_tracked_age_seconds{{injector="{injector}"}} \d', metrics, re.MULTILINE
    )


async def test_log_that_is_away_ends_streams_and_no_pixel(
    tmp_path: Path, mortal: tuple[Postgres, str]
) -> None:
    """Streams end with the code to retry; pixels are answered; nothing is lost."""
    postgres, url = mortal
    async with (
        a_service(tmp_path, Drain(), log_url=url) as addresses,
        grpc.aio.insecure_channel(addresses.grpc) as channel,
    ):
        await fetch(addresses.http, seal(a_token("before"), RING))
        call = pb_grpc.PixelServiceStub(channel).StreamOpens(
            pb.StreamOpensRequest(position=pb.POSITION_LATEST)
        )
        await call.read()
        postgres.kill()
        try:
            await fetch(addresses.http, seal(a_token("meanwhile"), RING))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await read_to_the_end(call)
        finally:
            postgres.start()
        await fetch(addresses.http, seal(a_token("after"), RING))
        async with OpenStream(addresses.grpc, position=LogEnd.EARLIEST) as opens:
            found = {(await anext(aiter(opens))).mail.message_id for _ in range(3)}

    code, reason, _ = info_of(caught.value)
    assert (code, reason) == (grpc.StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE")
    assert found == {"before", "meanwhile", "after"}
