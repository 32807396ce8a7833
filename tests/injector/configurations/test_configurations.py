"""The configurations in memory follow the database, and outlive its outages."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from emailopens.injector.v1 import injector_service_pb2 as injector_pb
from injector_service.configurations.configuration import Configuration
from injector_service.configurations.snapshot import Configurations, Snapshot
from injector_service.configurations.store import ConfigurationStore, connect
from injector_service.errors import ConfigurationNotFound, StorageUnavailable
from injector_service.settings import Settings
from service_runtime.target import Target
from service_runtime.target import connect as connect_to
from tests.injector.running_service import Service, refused, running_service

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

BOUND = Configuration(id="bound", senders=("news@example.com", "example.org"))
RAW = b"From: a@example.com\r\nTo: b@example.net\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>\r\n"


@pytest.fixture
async def configurations(store: ConfigurationStore) -> Configurations:
    return await Configurations.load(store)


async def test_own_writes_are_in_memory_at_once(configurations: Configurations) -> None:
    """What a process has created, changed or deleted is what it uses from then on."""
    await configurations.create(BOUND)
    assert configurations.snapshot.get("bound") == BOUND
    assert configurations.snapshot.bound_to("x@example.org") == BOUND

    changed = dataclasses.replace(BOUND, senders=("other.example",))
    await configurations.update("bound", etag="", change=lambda _: changed)
    assert configurations.snapshot.get("bound") == changed
    assert configurations.snapshot.bound_to("x@example.org") is None
    assert configurations.snapshot.bound_to("x@other.example") == changed

    await configurations.delete("bound", etag="")
    assert configurations.snapshot.get("bound") is None
    assert configurations.snapshot.bound_to("x@other.example") is None


async def test_a_refused_write_is_not_in_memory(configurations: Configurations) -> None:
    """What the database refused leaves no trace."""
    with pytest.raises(ConfigurationNotFound):
        await configurations.update("none", etag="", change=lambda it: it)

    assert configurations.snapshot.by_id == {}


async def test_a_refresh_finds_writes_of_others(database_url: str) -> None:
    """Created, changed and deleted elsewhere: one refresh later it is so here."""
    async with connect(database_url) as one, connect(database_url) as other:
        here, there = await Configurations.load(one), await Configurations.load(other)
        await there.create(BOUND)
        await there.create(Configuration(id="second"))
        await here.refresh()
        assert here.snapshot == there.snapshot

        await there.update("second", etag="", change=lambda _: Configuration(id="second"))
        await there.delete("bound", etag="")
        await here.refresh()
        assert here.snapshot == there.snapshot


async def test_own_writes_do_not_hide_those_of_others(database_url: str) -> None:
    """A write on top of one that was not seen yet leaves that one to the next refresh."""
    async with connect(database_url) as one, connect(database_url) as other:
        here, there = await Configurations.load(one), await Configurations.load(other)
        await there.create(BOUND)

        await here.create(Configuration(id="own"))
        assert here.snapshot.get("own") is not None
        assert here.snapshot.get("bound") is None

        await here.refresh()
        assert here.snapshot.get("own") is not None
        assert here.snapshot.get("bound") == BOUND


async def test_an_unchanged_database_is_not_loaded_again(configurations: Configurations) -> None:
    """A refresh without news keeps the snapshot: the very same object."""
    await configurations.create(BOUND)
    before = configurations.snapshot

    await configurations.refresh()

    assert configurations.snapshot is before


async def seen(configurations: Configurations, configuration_id: str) -> None:
    """Wait until the follower has brought a configuration into memory."""
    async with asyncio.timeout(10):
        # What is promised is that it comes by itself; nothing tells when.
        while configurations.snapshot.get(configuration_id) is None:  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.01)


async def test_following_sees_writes_of_others_by_itself(database_url: str) -> None:
    """A running process takes over what another one writes."""
    async with connect(database_url) as one, connect(database_url) as other:
        here, there = await Configurations.load(one), await Configurations.load(other)
        following = asyncio.create_task(here.follow(dt.timedelta(milliseconds=10)))
        try:
            await there.create(BOUND)
            await seen(here, "bound")
        finally:
            following.cancel()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("news@example.com", "address"),
        ("NEWS@EXAMPLE.COM", "address"),
        ("other@example.com", "domain"),
        ("other@sub.example.com", None),
        ("x@münchen.example", "idn"),
        ("x@xn--mnchen-3ya.example", "idn"),
        ("example.com", "domain"),
        ("no address", None),
        ("", None),
    ],
)
def test_an_address_is_closer_than_its_domain(address: str, expected: str | None) -> None:
    """The configuration of the address wins over that of the domain; subdomains have none."""
    snapshot = Snapshot.of(
        1,
        [
            Configuration(id="domain", senders=("Example.com",)),
            Configuration(id="address", senders=("News@example.com",)),
            Configuration(id="idn", senders=("München.example",)),
        ],
    )

    found = snapshot.bound_to(address)

    assert expected == (None if found is None else found.id)


class Outage:
    """A socket in front of PostgreSQL that can be cut and mended."""

    def __init__(self, socket: str, folder: Path) -> None:
        self._socket = socket
        self._path = folder / ".s.PGSQL.5432"
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def mend(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._path)

    async def cut(self) -> None:
        """Close the socket and every connection through it."""
        assert self._server is not None
        self._server.close()
        self._path.unlink(missing_ok=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        their_reader, their_writer = await asyncio.open_unix_connection(self._socket)
        try:
            await asyncio.gather(copy(reader, their_writer), copy(their_reader, writer))
        except (asyncio.CancelledError, ConnectionError):
            # Cut: cancelled by `cut`, which waits for this.
            pass
        finally:
            writer.close()
            their_writer.close()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while octets := await reader.read(65_536):
        writer.write(octets)
        await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def cuttable(postgres_database: str) -> AsyncIterator[tuple[str, Outage]]:
    """Give a URL of the same database, through a socket that a test can cut."""
    [host] = parse_qs(urlsplit(postgres_database).query)["host"]
    # Not under pytest's folder, whose path is too long for a socket's.
    with tempfile.TemporaryDirectory(prefix="cut") as folder:
        outage = Outage(f"{host}/.s.PGSQL.5432", Path(folder))
        await outage.mend()
        try:
            yield postgres_database.replace(host, folder), outage
        finally:
            await outage.cut()


async def test_rewriting_outlives_an_outage_of_the_database(
    postgres_database: str, tmp_path: Path
) -> None:
    """Without its database the service rewrites as before and refuses to change; then it heals.

    Its health says so.
    """
    async with cuttable(postgres_database) as (url, outage):
        settings = Settings(
            grpc="127.0.0.1:0",
            data=tmp_path,
            database_url=url,
            refresh_interval=dt.timedelta(milliseconds=50),
        )
        async with running_service(settings) as service:
            await service.create("news")
            await outage.cut()

            with refused() as refusal:
                await service.create("other")
            answer = await service.injector.RewriteMessage(
                injector_pb.RewriteMessageRequest(raw_message=RAW, configuration_ids=["news"])
            )

            assert (refusal.code.name, refusal.reason) == ("UNAVAILABLE", "STORAGE_UNAVAILABLE")
            assert refusal.retry_seconds == 1
            assert answer.outcome == injector_pb.RewriteMessageResponse.OUTCOME_TRACKED

            await until_health(service, "ConfigurationService", NOT_SERVING)
            await until_health(service, "InjectorService", SERVING)
            await outage.mend()
            await until_health(service, "ConfigurationService", SERVING)
            assert (await service.create("other")).id == "other"


async def until_health(service: Service, name: str, status: int) -> None:
    """Wait until the health of one of the injector's services is *status*."""
    async with connect_to(Target(address=service.address)) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service=f"emailopens.injector.v1.{name}")
        async for each in health.Watch(request):
            if each.status == status:
                return


async def test_following_goes_on_after_an_outage(postgres_database: str) -> None:
    """What was written during an outage is seen when the database answers again."""
    async with (
        connect(postgres_database) as direct,
        cuttable(postgres_database) as (url, outage),
        connect(url) as store,
    ):
        here = await Configurations.load(store)
        following = asyncio.create_task(here.follow(dt.timedelta(milliseconds=10)))
        try:
            await outage.cut()
            with pytest.raises(StorageUnavailable):
                await here.refresh()
            await direct.create(BOUND)
            await outage.mend()
            await seen(here, "bound")
        finally:
            following.cancel()
