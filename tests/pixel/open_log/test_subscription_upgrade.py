"""Subscriptions of the version that could not pause them go on as they were."""

from importlib import import_module, resources
from typing import Final, cast

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from pixel_service.open_log import migrate
from pixel_service.open_log.sql.subscriptions import Database
from tests.pixel.open_log.log_values import LogHome, new_opens, read_all

_STEPS: Final = "pixel_service.open_log.sql.migrations.versions"


def make_old(connection: sa.Connection) -> None:
    """Take back every step since the version before subscriptions could be paused."""
    folder = resources.files(_STEPS)
    steps = sorted(each.name.removesuffix(".py") for each in folder.iterdir() if "_" in each.name)
    with Operations.context(MigrationContext.configure(connection)):
        for step in reversed([each for each in steps if "0007" <= each < "9999"]):
            import_module(f"{_STEPS}.{step}").downgrade()
    connection.exec_driver_sql("UPDATE open_log_version SET version_num = '0006'")


async def test_places_and_sessions_are_kept_and_can_be_paused(log_home: LogHome) -> None:
    """A client that was served before acknowledges what it got; nothing is said of its stream."""
    async with log_home.connect() as log:
        await log.append(new_opens(3))
        places = [entry.position for entry in await read_all(log)]
        await log.subscriptions.create_subscription("crm", start=places[0])
        session = await log.subscriptions.begin_session("crm", consumer_name="importer")
        await cast("Database", log).execute(make_old)
    await migrate(log_home.url)
    async with log_home.connect() as log:
        store = log.subscriptions
        found = await store.get_subscription("crm")
        await store.acknowledge("crm", up_to=places[1], session_token=session.token)
        paused = await store.pause_subscription("crm")
        await store.resume_subscription("crm")
        again = await store.begin_session("crm", consumer_name="importer")

    assert (found.acknowledged, found.consumer_name) == (places[0], "importer")
    assert (found.pause_time, found.is_streaming, found.last_stream_end) == (None, False, None)
    assert paused.pause_time is not None
    assert paused.last_stream_end is None
    assert again.subscription.acknowledged == places[1]
