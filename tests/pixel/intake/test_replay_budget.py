"""One message that is fetched without end fills no disk, and nothing of it goes uncounted."""

import asyncio
import itertools
from pathlib import Path

import aiohttp
import grpc

from emailopens.pixel.v1 import operation_service_pb2 as pb
from emailopens.pixel.v1 import operation_service_pb2_grpc as pb_grpc
from emailopens_client import LogEnd, OpenStream
from pixel_service.intake import Intake, RecentFetches, ReplayBudget, TokenOpener, TokenReader
from pixel_service.privacy import PrivacyLevel, decode_open
from tests.pixel.intake.test_intake import JUDGE, RING, Kept, a_fetch, sealed
from tests.pixel.service_values import a_token, seal
from tests.pixel.test_workers import RING as SERVICE_RING
from tests.pixel.test_workers import Service


def nothing() -> None:
    """Be told that an open is durable."""


def an_intake(journal: Kept, *, max_opens: int = 3, max_collapsed: int = 100) -> Intake:
    return Intake(
        tokens=TokenReader(TokenOpener(RING)),
        judge=JUDGE,
        journal=journal,
        recent=RecentFetches.new(),
        budget=ReplayBudget(max_opens=max_opens, max_collapsed=max_collapsed),
    )


async def test_fetches_beyond_the_budget_are_one_open_with_their_count() -> None:
    """What is beyond it waits for the same sync, and is recorded when the window is over."""
    journal = Kept()
    intake = an_intake(journal)
    for _ in range(10):
        intake.take(a_fetch(sealed(PrivacyLevel.FULL)), nothing)

    assert (len(journal.payloads), journal.syncs) == (3, 10)
    assert (intake.counts.recorded, intake.counts.collapsed) == (3, 7)
    await intake.flush()
    await intake.flush()
    assert [decode_open(each).collapsed for each in journal.payloads] == [0, 0, 0, 6]


async def test_budget_is_of_a_message_and_not_of_an_address() -> None:
    """Image proxies fetch everybody's messages from a few addresses."""
    journal = Kept()
    intake = an_intake(journal)
    for number in range(20):
        intake.take(a_fetch(seal(a_token(f"m{number}"), RING)), nothing)

    assert len(journal.payloads) == 20
    for number in range(10):
        intake.take(
            a_fetch(seal(a_token("m1"), RING), ip_address=f"192.0.2.{number}"), lambda: None
        )
    assert len(journal.payloads) == 22


async def test_pixel_that_many_messages_share_has_a_budget_for_many() -> None:
    """Opens of one message cannot be told from those of another: a thousand times as many."""
    budget = ReplayBudget[None](max_opens=2)
    spent = [budget.spend(b"shared", is_shared=True) for _ in range(2_001)]

    assert spent == [True] * 2_000 + [False]


async def test_next_window_has_the_whole_budget_again() -> None:
    """A message that was fetched too often is recorded again, and its count is told once."""
    journal = Kept()
    intake = Intake(
        tokens=TokenReader(TokenOpener(RING)),
        judge=JUDGE,
        journal=journal,
        recent=RecentFetches.new(),
        budget=ReplayBudget(max_opens=1),
        budget_seconds=0.01,
    )
    for _ in range(3):
        intake.take(a_fetch(sealed(PrivacyLevel.FULL)), nothing)
    renewing = asyncio.create_task(intake.renew_budgets())
    for _ in itertools.takewhile(lambda _: len(journal.payloads) < 2, itertools.count()):
        await asyncio.sleep(0.01)
    intake.take(a_fetch(sealed(PrivacyLevel.FULL)), nothing)
    renewing.cancel()

    assert [decode_open(each).collapsed for each in journal.payloads] == [0, 1, 0]


async def test_what_is_remembered_is_bounded_and_nothing_goes_uncounted() -> None:
    """Too many messages beyond their budget at once: the oldest is recorded at once."""
    journal = Kept()
    intake = an_intake(journal, max_opens=1, max_collapsed=5)
    for _ in range(4):
        for number in range(20):
            intake.take(a_fetch(seal(a_token(f"m{number}"), RING)), nothing)
    await intake.flush()

    opens = [decode_open(each) for each in journal.payloads]
    assert sum(1 + each.collapsed for each in opens) == 80


def test_messages_that_are_fetched_stay_remembered() -> None:
    """Others cannot push a message out that is fetched again and again."""
    budget = ReplayBudget[None](max_opens=5, max_messages=100)
    allowed = 0
    for number in range(1_000):
        budget.spend(b"other %d" % number, is_shared=False)
        allowed += budget.spend(b"flooded", is_shared=False)

    assert allowed == 5


async def test_flood_is_told_to_subscribers_and_counted(tmp_path: Path) -> None:
    """A process that stops in order records the count, and erasing reaches what it holds."""
    service = Service(tmp_path, workers=1)
    async with service.running("--max-opens-of-message=5"):
        async with aiohttp.ClientSession() as browser:
            for message_id in ("kept", "erased"):
                url = f"http://{service.http}/o/{seal(a_token(message_id), SERVICE_RING)}.gif"
                for _ in range(20):
                    async with browser.get(url) as response:
                        assert response.status == 200
        async with grpc.aio.insecure_channel(service.grpc) as channel:
            operations = pb_grpc.OperationServiceStub(channel)
            request = pb.EraseOpensRequest(message_id="erased")
            *_, erased = [each async for each in operations.EraseOpens(request)]
    assert erased.erased_opens == 6

    async with service.running():
        # What the one before could not record when it stopped is recorded now.
        await service.until_streamed(6)
        async with OpenStream(service.grpc, position=LogEnd.EARLIEST, stop_at_head=True) as opens:
            told = [(each.mail.message_id, each.open.collapsed) async for each in opens]
        async with grpc.aio.insecure_channel(service.grpc) as channel:
            operations = pb_grpc.OperationServiceStub(channel)
            responses = [each async for each in operations.CountOpens(pb.CountOpensRequest())]

    assert told == [("kept", 0)] * 5 + [("kept", 14)]
    days = [day for each in responses for day in each.daily_counts]
    assert [(day.opens, day.collapsed_opens) for day in days] == [(6, 14)]
