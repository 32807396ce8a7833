"""Answers mail clients: all that a fetch needs until its pixel is answered.

Imports neither gRPC nor SQL, and needs no log: what it keeps goes into the journal.
"""

import asyncio
import contextlib
import dataclasses
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from prometheus_client.registry import Collector

from pixel_service.endpoint.client_address import ClientAddresses
from pixel_service.endpoint.handler import PixelHandler
from pixel_service.endpoint.serving import pixel_server
from pixel_service.endpoint_metrics import EndpointMetrics
from pixel_service.errors import SettingsInvalid
from pixel_service.intake import Intake, RecentFetches, ReplayBudget, TokenOpener, TokenReader
from pixel_service.journal import Journal, JournalHealth, Journals, JournalState, Waker
from pixel_service.live_judge import LiveJudge
from pixel_service.privacy import encode_canary
from pixel_service.settings import Settings
from service_runtime.admin_server import Condition
from service_runtime.background import kept_running
from service_runtime.certificates import Certificate
from service_runtime.times import now_us

# Between two canaries. Each is a sync of the disk, and tells within half a minute, with what
# is allowed for its way, that opens do not get through.
_CANARY_SECONDS: Final = 5.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A running endpoint."""

    conditions: Callable[[], Sequence[Condition]]
    metrics: Collector
    let_go: Callable[[], Awaitable[None]]
    """Waits until clients have gone over to a successor, which accepts at the same sockets."""
    hand_over: Callable[[], Awaitable[None]]
    """The same for somebody who listens with sockets of his own."""


@contextlib.asynccontextmanager
async def running_endpoint(
    settings: Settings,
    sockets: Sequence[socket.socket],
    *,
    recent: RecentFetches,
    certificate: Certificate | None = None,
) -> AsyncIterator[Endpoint]:
    """Serve pixels at *sockets* inside the block, by TLS if there is a *certificate*.

    Raises:
        SettingsInvalid, KeyRingError, EvidenceError: it cannot run as it was told.
    """
    live_judge = LiveJudge(settings.judge_loader, settings.ranges_folder)
    addresses = ClientAddresses(
        trusted_proxies=settings.trusted_proxies, header=settings.forwarded_header
    )
    async with (
        _journal(settings.journal_folder, max_octets=settings.max_journal_octets) as journal,
        _intake(settings, live_judge, journal, recent) as intake,
        pixel_server(
            sockets=sockets,
            handler=PixelHandler(
                intake.take, addresses, header_names=live_judge.current.header_names
            ),
            grace=settings.grace,
            limits=settings.connection_limits,
            tls=None if certificate is None else certificate.http_context(),
        ) as server,
    ):
        yield Endpoint(
            conditions=lambda: conditions(journal.health),
            metrics=EndpointMetrics(
                counts=intake.counts,
                journal=lambda: journal.health,
                connections=lambda: server.counts,
                ranges=lambda: live_judge.health,
            ),
            let_go=lambda: server.let_go(grace=settings.grace),
            hand_over=lambda: server.hand_over(sockets, grace=settings.grace),
        )


@contextlib.asynccontextmanager
async def _intake(
    settings: Settings, live_judge: LiveJudge, journal: Journal, recent: RecentFetches
) -> AsyncIterator[Intake]:
    intake = Intake(
        tokens=TokenReader(TokenOpener(settings.load_key_ring())),
        judge=live_judge.current,
        journal=journal,
        recent=recent,
        budget=ReplayBudget(max_opens=settings.max_opens_of_message),
        budget_seconds=settings.open_window.total_seconds(),
    )
    live_judge.on_change = intake.judge_by
    # What is to be erased is looked for where it is kept, and not in memory.
    journal.before_rotation(intake.flush)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(kept_running("address ranges", live_judge.follow))
        stack.push_async_callback(intake.flush)
        await stack.enter_async_context(kept_running("budgets of messages", intake.renew_budgets))
        await stack.enter_async_context(kept_running("forgetting of fetches", recent.forget))
        yield intake


@contextlib.asynccontextmanager
async def _journal(folder: Path, *, max_octets: int) -> AsyncIterator[Journal]:
    journals = Journals(folder)
    with contextlib.ExitStack() as stack:
        try:
            own_folder, journal_id = stack.enter_context(journals.new_journal())
        except OSError as error:
            raise SettingsInvalid(f"journal in {folder}: {error.strerror}") from error
        waker = Waker(journals.pipe)
        stack.callback(waker.close)
        journal = Journal(own_folder, journal_id, waker=waker, max_octets=max_octets)
        async with (
            journal.running(),
            kept_running("journal's disk", journal.look_after),
            kept_running("canary", lambda: _send_canaries(journal)),
        ):
            yield journal


async def _send_canaries(journal: Journal) -> None:
    """Send one into *journal* every few seconds, for ever."""
    while True:
        await asyncio.sleep(_CANARY_SECONDS)
        # A disk that fails is told by a condition of its own.
        journal.append_mark(encode_canary(now_us()))


def conditions(health: JournalHealth) -> list[Condition]:
    """Return what must hold for an endpoint to be ready."""
    is_durable = health.state is JournalState.DURABLE
    return [
        Condition(
            name="opens are durable",
            holds=is_durable,
            detail="in the journal"
            if is_durable
            else f"{health.held} in memory, {health.lost} lost",
        ),
        Condition(
            name="journal has room",
            holds=health.has_room,
            detail=f"{health.free_octets // 2**20} MiB left on its disk",
        ),
    ]
