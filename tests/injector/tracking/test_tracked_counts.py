"""How many messages were tracked, from the rewriting through a database to a caller."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from structlog.testing import capture_logs

from emailopens.injector.v1 import injector_service_pb2 as injector_pb
from emailopens.injector.v1 import tracking_service_pb2 as pb
from injector_service.configurations.store import ConfigurationStore, connect
from injector_service.privacy import PrivacyLevel
from injector_service.settings import Settings
from injector_service.tracking import (
    Dimension,
    TrackedCounter,
    TrackedKind,
    TrackedStore,
    TrackedWriter,
)
from injector_service.tracking.tables import tracked_counts
from service_runtime.times import now_us
from tests.injector.running_service import Service, refused, running_service

RAW: Final = (
    b"From: a@example.org\r\nTo: b@gmx.de\r\nContent-Type: text/html\r\n\r\n<p>text</p>\r\n"
)
KIND: Final = TrackedKind(480_000, "news", Dimension.ALL, "")


async def rewrite(service: Service, **fields: object) -> None:
    """Have a message rewritten by the configuration `news`, as *fields* say."""
    await service.injector.RewriteMessage(
        injector_pb.RewriteMessageRequest(
            raw_message=RAW,
            configuration_ids=["news"],
            **fields,  # type: ignore[arg-type] # fields by name
        )
    )


async def counted(service: Service) -> Mapping[tuple[int, str], int]:
    """Return all counts by dimension and value, of all hours together."""
    found: dict[tuple[int, str], int] = {}
    response = await service.tracking.ListTrackedCounts(pb.ListTrackedCountsRequest())
    for each in response.counts:
        key = (each.dimension, each.value)
        found[key] = found.get(key, 0) + each.messages
    return found


async def test_messages_of_two_processes_are_counted_together(
    database_url: str, tmp_path: Path
) -> None:
    """Each copy with a pixel counts, whichever process made it; an untracked one does not."""
    settings = Settings(grpc="127.0.0.1:0", data=tmp_path, database_url=database_url)
    async with running_service(settings) as first:
        await first.create("news")
        async with running_service(settings) as second:
            await rewrite(first, tags={"campaign": "may"}, recipients=["b@GMAIL.com"])
            await rewrite(second)
            await rewrite(second, tracking=injector_pb.RewriteMessageRequest.TRACKING_OFF)
            await second.injector.RewriteForRecipients(
                injector_pb.RewriteForRecipientsRequest(
                    raw_message=RAW,
                    configuration_ids=["news"],
                    recipients=[
                        injector_pb.RewriteForRecipientsRequest.Recipient(address=address)
                        for address in ("a@example.org", "b@example.org", "nobody")
                    ],
                )
            )
    # Both have ended, and written what they had.
    async with running_service(settings) as third:
        found = await counted(third)

    assert found == {
        (pb.TrackedCount.DIMENSION_UNSPECIFIED, ""): 4,
        (pb.TrackedCount.DIMENSION_PRIVACY_LEVEL, "PRIVACY_LEVEL_FULL"): 4,
        (pb.TrackedCount.DIMENSION_MAILBOX_PROVIDER, "Gmail"): 1,
        (pb.TrackedCount.DIMENSION_MAILBOX_PROVIDER, "GMX"): 1,
        (pb.TrackedCount.DIMENSION_MAILBOX_PROVIDER, "other"): 2,
        (pb.TrackedCount.DIMENSION_TAG, "campaign=may"): 1,
    }


async def test_stop_writes_what_was_counted(tmp_path: Path) -> None:
    """A drain ends after the counts of its last message are in the database."""
    settings = Settings(grpc="127.0.0.1:0", data=tmp_path)
    async with running_service(settings) as service:
        await service.create("news")
        for _ in range(3):
            await rewrite(service)

    async with running_service(settings) as again:
        assert (await counted(again))[0, ""] == 3


async def test_caller_is_told_what_is_wrong(service: Service) -> None:
    """Fields below zero are named, both at once."""
    with refused() as refusal:
        await service.tracking.ListTrackedCounts(
            pb.ListTrackedCountsRequest(after_revision=-1, page_size=-1)
        )

    assert (refusal.reason, refusal.fields) == ("INVALID_FIELD", ["after_revision", "page_size"])


async def test_pages_follow_one_another_by_their_revisions(store: ConfigurationStore) -> None:
    """Whoever replaces counts page by page has all of them, and later the changed ones alone."""
    tracked = TrackedStore(store.engine)
    kinds = [KIND._replace(hour=KIND.hour + number) for number in range(5)]
    await tracked.add(dict.fromkeys(kinds, 1), writer_id="a", batch=1, hour=0)

    found: dict[TrackedKind, int] = {}
    revision, has_more = 0, True
    while has_more:
        page = await tracked.page(after=revision, limit=2)
        found.update(page.counts)
        revision, has_more = page.revision, page.has_more
    await tracked.add({kinds[1]: 2}, writer_id="b", batch=1, hour=0)
    changed = await tracked.page(after=revision, limit=10)

    assert found == dict.fromkeys(kinds, 1)
    assert changed.counts == [(kinds[1], 3)]
    assert changed.revision > revision
    assert (await tracked.page(after=changed.revision, limit=10)).counts == []
    assert len(changed.source_id) == 32


async def test_batch_is_added_once(store: ConfigurationStore) -> None:
    """A batch whose commit was not answered is written again, and counts once."""
    tracked = TrackedStore(store.engine)

    for _ in range(2):
        await tracked.add({KIND: 5}, writer_id="a", batch=1, hour=0)
    await tracked.add({KIND: 5}, writer_id="a", batch=2, hour=0)

    assert (await tracked.page(after=0, limit=10)).counts == [(KIND, 10)]


async def test_revision_of_a_database_that_was_restored_is_begun_again(
    store: ConfigurationStore,
) -> None:
    """Whoever asks after a revision that is not reached yet gets everything."""
    tracked = TrackedStore(store.engine)
    await tracked.add({KIND: 1}, writer_id="a", batch=1, hour=0)

    assert (await tracked.page(after=99, limit=10)).counts == [(KIND, 1)]


async def test_counts_wait_until_the_database_answers_again(tmp_path: Path) -> None:
    """A database that fails loses nothing: what was counted is written later, and once."""
    async with connect(f"sqlite:///{tmp_path}/injector.db") as store:
        counting, tracked = TrackedCounter(), TrackedStore(store.engine)
        writer = TrackedWriter(counting, tracked)
        began = writer.written_until_us
        async with store.engine.begin() as connection:
            await connection.execute(sa.text("ALTER TABLE injector_tracked_counts RENAME TO away"))
        for _ in range(2):
            counting.add(now_us(), ("news",), PrivacyLevel.ANONYMOUS, "", {})
            with capture_logs() as logs:
                await writer.write()
        assert writer.written_until_us == began

        async with store.engine.begin() as connection:
            await connection.execute(sa.text("ALTER TABLE away RENAME TO injector_tracked_counts"))
        with capture_logs() as later:
            await writer.write()
            await writer.write()
        counts = (await tracked.page(after=0, limit=100)).counts

    assert sum(count for kind, count in counts if kind.dimension is Dimension.ALL) == 2
    assert logs == []  # said once, at the first failure
    assert [each["event"] for each in later] == ["tracked messages counted again"]
    assert writer.written_until_us > began


async def test_old_hours_are_removed(store: ConfigurationStore) -> None:
    """Hours are kept for 35 days, and so are the names of processes that have ended."""
    tracked = TrackedStore(store.engine)
    later = KIND._replace(hour=KIND.hour + 1)
    await tracked.add({KIND: 1, later: 1}, writer_id="a", batch=1, hour=KIND.hour)

    await tracked.remove_before(later.hour)

    assert (await tracked.page(after=0, limit=10)).counts == [(later, 1)]
    async with store.engine.connect() as connection:
        rows = (await connection.execute(sa.select(tracked_counts))).all()
    assert len(rows) == 1
