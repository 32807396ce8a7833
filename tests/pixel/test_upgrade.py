"""A data folder of the version before the journal is taken over as it is."""

import contextlib
import sqlite3
from pathlib import Path

import grpc

from emailopens.pixel.v1 import subscription_service_pb2 as pb
from emailopens.pixel.v1 import subscription_service_pb2_grpc as pb_grpc
from pixel_service.open_log import BEGINNING
from service_runtime.drain import Drain
from tests.pixel.open_log.log_values import event_ids, new_opens
from tests.pixel.recording.test_old_spool import a_spool_file
from tests.pixel.service_values import a_log, a_token, seal
from tests.pixel.test_service import RING, a_service, fetch, recorded

_OLD_TABLES = {"open_log", "opens", "open_counts", "open_subscriptions", "open_log_version"}


def make_old(data: Path) -> None:
    """Take from the log in *data* what the older version did not have."""
    with contextlib.closing(sqlite3.connect(data / "opens.db")) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for table in {name for (name,) in tables} - _OLD_TABLES:
            connection.execute(f"DROP TABLE {table}")
        connection.execute("ALTER TABLE opens DROP COLUMN collapsed")
        connection.execute("ALTER TABLE open_log DROP COLUMN objections_change")
        for column in ("pause_us", "stream_owner", "end_us", "end_code", "end_reason"):
            connection.execute(f"ALTER TABLE open_subscriptions DROP COLUMN {column}")
        connection.execute("UPDATE open_log_version SET version_num = '0001'")
        connection.commit()


async def test_log_spool_and_subscriptions_of_the_older_version_go_on(tmp_path: Path) -> None:
    """Its opens are there, those of its spool come in once, and subscriptions keep their places."""
    opens = new_opens(5)
    async with a_log(tmp_path) as log:
        await log.append(opens[:3])
        await log.subscriptions.create_subscription("crm", start=BEGINNING)
    make_old(tmp_path)
    # The last of the log was in the spool, too: its process died in between.
    file = a_spool_file(tmp_path / "spool", opens[2:])
    async with a_service(tmp_path, Drain()) as addresses:
        await fetch(addresses.http, seal(a_token("new"), RING))
        found = await recorded(addresses)
        async with grpc.aio.insecure_channel(addresses.grpc) as channel:
            subscription = (
                await pb_grpc.SubscriptionServiceStub(channel).GetSubscription(
                    pb.GetSubscriptionRequest(subscription_id="crm")
                )
            ).subscription

    assert [each.event_id for each in found[:5]] == event_ids(opens)
    assert found[5].mail.message_id == "new"
    assert len(found) == 6
    assert subscription.lag == 6
    assert subscription.state == pb.Subscription.STATE_ACTIVE
    assert not subscription.streaming
    assert not subscription.HasField("last_stream_end")
    assert not file.exists()
