"""PostgreSQL answers, and refuses: no connections, nothing may be written, no tables.

Once here; `make test-crash` does it 100 times.
"""

import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pixel_service.grpc_api.pixel_servicer import SERVICE_NAME
from pixel_service.open_log import migrate
from pixel_service.server import Addresses
from service_runtime.drain import Drain
from tests.fixtures.postgres import Postgres
from tests.pixel.recording.test_outage import (
    NOT_SERVING,
    SERVING,
    Load,
    ask,
    streamed,
    until_told,
)
from tests.pixel.service_values import a_token, seal
from tests.pixel.test_service import RING, a_service, fetch, until_recorded

OUTAGES = int(os.environ.get("EMAILOPENS_CRASH_KILLS", "1"))

# The service's own role: limits of a database and of a role are not for superusers.
ROLE = "pixel"
END_CONNECTIONS = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'"  # noqa: S608 - a constant

Database = tuple[Postgres, str]


@pytest.fixture
async def database_of_ours(postgres: Postgres) -> AsyncIterator[Database]:
    """Give a server, and the name of a database on it that belongs to `ROLE` and has a log."""
    await postgres.execute("postgres", f"CREATE ROLE {ROLE} LOGIN")
    name = await postgres.create_database()
    await postgres.execute("postgres", f"ALTER DATABASE {name} OWNER TO {ROLE}")
    await migrate(url_of((postgres, name)))
    yield postgres, name
    await postgres.execute("postgres", f"DROP DATABASE {name} WITH (FORCE)")
    await postgres.execute("postgres", f"DROP ROLE {ROLE}")


def url_of(database: Database) -> str:
    postgres, name = database
    return f"postgresql+asyncpg://{ROLE}@/{name}?host={postgres.folder}"


@contextlib.asynccontextmanager
async def no_connections(database: Database) -> AsyncIterator[None]:
    """Let the service have no connection, and end those that it has."""
    postgres, _ = database
    await postgres.execute("postgres", f"ALTER ROLE {ROLE} CONNECTION LIMIT 0")
    await postgres.execute("postgres", END_CONNECTIONS)
    yield
    await postgres.execute("postgres", f"ALTER ROLE {ROLE} CONNECTION LIMIT -1")


@contextlib.asynccontextmanager
async def read_only(database: Database) -> AsyncIterator[None]:
    """Let the service write nothing, as on a standby."""
    postgres, name = database
    setting = f"ALTER DATABASE {name} SET default_transaction_read_only"
    await postgres.execute("postgres", f"{setting} = on")
    await postgres.execute("postgres", END_CONNECTIONS)
    yield
    await postgres.execute("postgres", f"{setting} = off")
    await postgres.execute("postgres", END_CONNECTIONS)


@contextlib.asynccontextmanager
async def no_tables(database: Database) -> AsyncIterator[None]:
    """Take the tables away, as while a copy is being restored."""
    postgres, name = database
    await postgres.execute(name, "ALTER SCHEMA public RENAME TO away; CREATE SCHEMA public")
    yield
    await postgres.execute(name, "DROP SCHEMA public; ALTER SCHEMA away RENAME TO public")


async def until_health(addresses: Addresses, status: int) -> None:
    """Wait until the health of streaming is *status*, over gRPC."""
    async with grpc.aio.insecure_channel(addresses.grpc) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        async for each in health.Watch(health_pb2.HealthCheckRequest(service=SERVICE_NAME)):
            if each.status == status:
                return


async def test_open_that_is_refused_keeps_no_other_out(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    """What a message has of a configuration that PostgreSQL cannot name is counted, and no more."""
    messages = [a_token("before"), a_token("odd", configuration_ids=["ne\0ws"]), a_token("after")]
    async with a_service(tmp_path, Drain(), log_url=postgres.url_of(database)) as addresses:
        for each in messages:
            await fetch(addresses.http, seal(each, RING))
        await until_recorded(addresses)
        there = await streamed(addresses)
        _, metrics = await ask(addresses.admin, "metrics")
        readiness, _ = await ask(addresses.admin, "readyz")

    assert there == ["before", "odd", "after"]
    assert "\nopens_refused_total 1.0\n" in metrics
    assert readiness == 200


@pytest.mark.timeout(60 + 30 * OUTAGES)
@pytest.mark.parametrize(
    ("fault", "health"),
    [(no_connections, NOT_SERVING), (read_only, SERVING), (no_tables, NOT_SERVING)],
)
async def test_database_that_refuses_is_not_felt(
    tmp_path: Path,
    database_of_ours: Database,
    fault: Callable[[Database], contextlib.AbstractAsyncContextManager[None]],
    health: int,
) -> None:
    """No fetch fails meanwhile, probes say what is true, and afterwards everything arrives."""
    can_stream = "yes" if health == SERVING else "no"
    async with a_service(tmp_path, Drain(), log_url=url_of(database_of_ours)) as addresses:
        load = Load(address=addresses.http)
        async with load.running():
            for _ in range(OUTAGES):
                await load.go_on(100)
                async with fault(database_of_ours):
                    await until_told(addresses, "opens are recorded: no")
                    await until_health(addresses, health)
                    # A balancer of pixels keeps the service: opens are durable.
                    assert await until_told(addresses, f"be streamed: {can_stream}") == 200
                    await load.go_on(200)
                await until_told(addresses, "opens are recorded: yes")
                await until_health(addresses, SERVING)
            await load.go_on(50)
        await until_recorded(addresses)
        there = await streamed(addresses)

    load.assert_each_once_and_in_order(there)
