"""A log that was restored from a backup: nobody passes over opens that came later."""

import asyncio
import contextlib
import datetime as dt
import shutil
import sqlite3
from pathlib import Path

import pytest

from pixel_service.errors import CursorForeignLog, LogUnavailable, SessionStale
from pixel_service.open_log import WebhookLeaseLost, begin_epoch, decode_cursor, encode_cursor
from tests.pixel.cli.running import run, run_well
from tests.pixel.open_log.log_values import LogHome, event_ids, new_opens, read_all
from tests.pixel.open_log.webhook_values import new_webhook


async def test_cursors_from_before_are_foreign(log_home: LogHome) -> None:
    """Subscriptions go on where the log says they were; their sessions end."""
    opens = new_opens(4)
    async with log_home.connect() as log:
        await log.append(opens)
        places = [entry.position for entry in await read_all(log)]
        old = encode_cursor(places[1], log.identity)
        subscription = await log.subscriptions.create_subscription("crm", start=places[1])
        session = await log.subscriptions.begin_session("crm", consumer_name="")
        epoch = log.identity.epoch

    assert await begin_epoch(log_home.url) == epoch + 1
    async with log_home.connect() as log:
        assert log.identity.epoch == epoch + 1
        with pytest.raises(CursorForeignLog):
            decode_cursor(old, log.identity)
        found = await log.subscriptions.get_subscription("crm")
        assert found.acknowledged == subscription.acknowledged
        with pytest.raises(SessionStale):
            await log.subscriptions.acknowledge("crm", up_to=places[3], session_token=session.token)
        assert event_ids(await read_all(log)) == event_ids(opens)


async def test_webhooks_go_on_where_the_restored_log_says(log_home: LogHome) -> None:
    """Whoever delivered before writes no more, and nobody waits for what it had taken."""
    async with log_home.connect() as log:
        await log.append(new_opens(3))
        places = [entry.position for entry in await read_all(log)]
        await log.webhooks.create(new_webhook(at=places[0]))
        (mine,) = await log.webhooks.lease("me", length=dt.timedelta(hours=1))

    await begin_epoch(log_home.url)
    async with log_home.connect() as log:
        with pytest.raises(WebhookLeaseLost):
            await log.webhooks.delivered(mine, "me", up_to=places[2])
        (others,) = await log.webhooks.lease("other", length=dt.timedelta(hours=1))
        await log.webhooks.delivered(others, "other", up_to=places[1])
        found = await log.webhooks.get("crm")

    assert (others.delivered, others.revision) == (places[0], mine.revision + 1)
    assert (found.delivered, found.lag) == (places[1], 1)


async def test_log_in_use_is_left_alone(tmp_path: Path) -> None:
    """A service that runs would go on making cursors of the old epoch."""
    home = LogHome(url=f"sqlite:///{tmp_path}/opens.db")
    async with home.connect() as log:
        with pytest.raises(LogUnavailable, match="a process has the log open"):
            await begin_epoch(home.url)
        epoch = log.identity.epoch
    async with home.connect() as log:
        assert log.identity.epoch == epoch


async def test_command_after_a_backup_was_restored(tmp_path: Path) -> None:
    """As the operator's page says; and a mistyped folder makes no log."""
    home = LogHome(url=f"sqlite:///{tmp_path}/opens.db")
    async with home.connect() as log:
        await log.append(new_opens(2))
        await asyncio.to_thread(back_up, tmp_path / "opens.db", tmp_path / "copy.db")
        await log.append(new_opens(3))
        old = encode_cursor(await log.head(), log.identity)
    for name in ("opens.db-wal", "opens.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    shutil.copy(tmp_path / "copy.db", tmp_path / "opens.db")

    said = await run_well("log", "restored", f"--data={tmp_path}")
    status, _, errors = await run("log", "restored", f"--data={tmp_path}/typo")

    assert said == "epoch 2: cursors from before are refused\n"
    assert (status, errors.count("\n")) == (1, 1)
    assert not (tmp_path / "typo").exists()
    async with home.connect() as log:
        # Without the command this cursor would be taken once the log has grown.
        await log.append(new_opens(4))
        with pytest.raises(CursorForeignLog):
            decode_cursor(old, log.identity)


def back_up(source: Path, target: Path) -> None:
    """Do what `sqlite3 SOURCE ".backup TARGET"` does."""
    with (
        contextlib.closing(sqlite3.connect(source)) as read,
        contextlib.closing(sqlite3.connect(target)) as written,
    ):
        read.backup(written)
