"""Copies for a caller, from values: each as `rewrite` makes it, and nobody waits for them all."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from benchmarks import messages
from injector_service import rewriting_process
from injector_service.configurations import Configuration, Configurations
from injector_service.configurations.store import connect
from injector_service.errors import RecipientLeftOver
from injector_service.injector import Copies, Injector
from injector_service.new_ids import CopyIds
from injector_service.pixels import CopyFacts, MessageFacts, TokenSealer
from injector_service.recipients_request import Recipient, RecipientsRequest
from injector_service.rewrite_request import RewriteRequest
from injector_service.rewriting import Outcome, Placement
from injector_service.rewriting_pool import rewriting_pool
from injector_service.rewriting_process import Job, made_copies
from injector_service.tracking import TrackedCounter
from service_runtime.callers import ANYBODY
from service_runtime.key_ring import generate_key_ring

SMALL: Final = messages.quoted_printable(10_000)

# More HTML than the event loop reads.
LARGE: Final = messages.base64_lines(600_000)


@pytest.fixture
async def injector(tmp_path: Path) -> AsyncIterator[Injector]:
    """Have an injector whose clock stands, with a configuration for each placement."""
    async with contextlib.AsyncExitStack() as stack:
        store = await stack.enter_async_context(connect(f"sqlite:///{tmp_path}/injector.db"))
        configurations = await Configurations.load(store)
        for placement in Placement:
            await configurations.create(
                Configuration(
                    id=placement.value, open_notifications_enabled=True, pixel_placement=placement
                )
            )
        ring = generate_key_ring()
        yield Injector(
            configurations=configurations,
            sealer=TokenSealer(ring),
            copy_ids=CopyIds(ring),
            pixel_base_url="https://open.example.org",
            pool=await stack.enter_async_context(rewriting_pool(ring)),
            tracked=TrackedCounter(),
            clock=lambda: dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        )


def request(
    raw: bytes, *, count: int, configuration_ids: tuple[str, ...] = ("end",)
) -> RecipientsRequest:
    recipients = (Recipient(f"robin.{number}@example.org", {}) for number in range(count))
    return RecipientsRequest(
        raw_message=raw, recipients=tuple(recipients), configuration_ids=configuration_ids
    )


async def copied(injector: Injector, wanted: RecipientsRequest) -> Copies:
    return await injector.rewrite_for_recipients(wanted, caller=ANYBODY)


@pytest.mark.parametrize("placement", Placement)
@pytest.mark.parametrize("named", [b"", b"X-Configuration-Id: %b\r\n"], ids=["asked", "named"])
@pytest.mark.parametrize("raw", [SMALL, LARGE], ids=["here", "in another process"])
async def test_copy_is_what_one_call_for_its_recipient_gives(
    injector: Injector, raw: bytes, named: bytes, placement: Placement
) -> None:
    """With its ID and at the same time the same octets, wherever either is made."""
    field = named % placement.value.encode() if named else b""
    ids = () if named else (placement.value,)
    wanted = request(field + raw, count=3, configuration_ids=ids)

    answer = await copied(injector, wanted)

    assert answer.configuration_ids == (placement.value,)
    for recipient, copy in zip(wanted.recipients, answer.copies, strict=True):
        alone = await injector.rewrite(
            RewriteRequest(
                raw_message=wanted.raw_message,
                configuration_ids=ids,
                recipients=(recipient.address,),
                message_id=copy.message_id,
            ),
            caller=ANYBODY,
        )
        assert copy.rewritten.outcome is Outcome.TRACKED
        assert copy.rewritten.in_one(wanted.raw_message) == alone.rewritten


async def test_others_are_answered_while_a_thousand_copies_are_made(injector: Injector) -> None:
    """Calls that come meanwhile do not wait for the last copy."""
    one = RewriteRequest(raw_message=SMALL, configuration_ids=("end",))

    answered = 0
    pending = asyncio.create_task(copied(injector, request(SMALL, count=1_000)))
    await asyncio.sleep(0)
    while not pending.done():
        await injector.rewrite(one, caller=ANYBODY)
        answered += 1
        await asyncio.sleep(0)

    assert [copy.rewritten.outcome for copy in (await pending).copies] == [Outcome.TRACKED] * 1_000
    assert answered >= 2


async def test_what_is_too_much_for_one_call_is_left_to_others(
    injector: Injector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls for those that are left over come to an end, and together make every copy."""
    # A pixel at the start of base64 writes the text anew, for each copy.
    monkeypatch.setattr(rewriting_process, "MAX_COPIES_OCTETS", 10 * 10_000)
    wanted = request(messages.base64_lines(10_000), count=25, configuration_ids=("start",))

    made, calls = {}, 0
    while wanted.recipients:
        answer = await copied(injector, wanted)
        calls += 1
        rest = []
        for recipient, copy in zip(wanted.recipients, answer.copies, strict=True):
            if isinstance(copy.error, RecipientLeftOver):
                assert copy.rewritten.outcome is Outcome.RECIPIENT_ERROR
                assert copy.rewritten.message(wanted.raw_message) == wanted.raw_message
                rest.append(recipient)
            else:
                assert copy.rewritten.outcome is Outcome.TRACKED
                made[recipient.address] = copy.message_id
        assert len(rest) < len(wanted.recipients)
        wanted = RecipientsRequest(
            raw_message=wanted.raw_message,
            recipients=tuple(rest),
            configuration_ids=wanted.configuration_ids,
        )

    assert len(set(made.values())) == 25
    assert calls >= 3


async def test_copies_of_another_process_are_bounded_too(injector: Injector) -> None:
    """There, too, a call makes as many copies as fit, and one at least."""
    wanted = request(LARGE, count=60, configuration_ids=("start",))

    answer = await copied(injector, wanted)

    outcomes = [copy.rewritten.outcome for copy in answer.copies]
    made = outcomes.count(Outcome.TRACKED)
    assert 1 <= made < 60
    assert outcomes == [Outcome.TRACKED] * made + [Outcome.RECIPIENT_ERROR] * (60 - made)


def test_time_of_copies_is_bounded_where_nobody_waits_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A process ends a call whose time is over, after one copy at least."""
    monkeypatch.setattr(rewriting_process, "MAX_COPIES_SECONDS", 0.0)
    copies = (CopyFacts(f"copy-{number}", (f"r{number}@example.org",)) for number in range(3))
    job = Job(
        facts=MessageFacts(
            configurations=(Configuration(id="news", open_notifications_enabled=True),),
            acceptance_time=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        ),
        base_url="https://open.example.org",
        placement=Placement.END,
        fields_to_remove=(),
        copies=tuple(copies),
    )

    made = list(made_copies(SMALL, job, TokenSealer(generate_key_ring())))

    assert [each.outcome for each in made] == [Outcome.TRACKED]


async def test_header_that_is_too_long_is_too_complex_for_every_copy(injector: Injector) -> None:
    """Nobody is tracked, and each result says so."""
    raw = b"X: y\r\n" * 2_500 + SMALL

    answer = await copied(injector, request(raw, count=3))

    assert [copy.rewritten.outcome for copy in answer.copies] == [Outcome.TOO_COMPLEX] * 3


async def test_ids_stay_when_a_key_is_added() -> None:
    """A message that is sent once more after the key ring was rotated is the same message."""
    ring = generate_key_ring()

    before = CopyIds(ring).of_message(b"<1@example.org>")("ann@example.org")
    after = CopyIds(ring.rotated()).of_message(b"<1@example.org>")("ann@example.org")
    other = CopyIds(generate_key_ring()).of_message(b"<1@example.org>")("ann@example.org")

    assert before == after
    assert before != other
