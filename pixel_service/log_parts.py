"""What works while the log is open: the log itself, and what reads and writes it."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from pixel_service.collecting import Collector, collecting
from pixel_service.counting import Counting
from pixel_service.housekeeping import Housekeeping
from pixel_service.journal import Journals
from pixel_service.notification import number_open
from pixel_service.objecting import Objecting
from pixel_service.open_log import OpenLog, connect
from pixel_service.recording import Objected, Recorder
from pixel_service.settings import Settings
from pixel_service.statistics import COUNTING_RULES
from pixel_service.streaming import LiveStreams, Tail, following
from pixel_service.webhooks import (
    Deliveries,
    Reader,
    Surroundings,
    delivering,
    new_owner,
    open_sender,
)
from service_runtime.background import kept_running
from service_runtime.drain import Drain

# Opens are recorded within milliseconds.  What waits for longer waits in a queue.
_LATE_SECONDS: Final = 2.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogParts:
    """What there is while the log is open."""

    log: OpenLog
    journals: Journals
    tail: Tail
    streams: LiveStreams
    recorder: Recorder
    housekeeping: Housekeeping
    deliveries: Deliveries
    objecting: Objecting
    collectors: Sequence[Collector]

    @property
    def canary_age_seconds(self) -> float:
        """How old the last canary is that has come through the log, as the tail read it."""
        return self.recorder.canaries.age_seconds(read_at=self.tail.read_at)


@contextlib.asynccontextmanager
async def working_parts(settings: Settings, drain: Drain) -> AsyncIterator[LogParts]:
    """Open the log, and work with it during the block.

    What runs beside the calls is started here, in the order in which one needs the other;
    it ends in the opposite order.

    Raises:
        PixelError, LogSchemaOld: the log cannot be opened.
        JournalsBusy: another process records the journals.
    """
    journals = Journals(settings.journal_folder)
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(journals.recording())
        log = await stack.enter_async_context(
            connect(
                settings.effective_log_url,
                number_open=number_open,
                counting_rules=COUNTING_RULES,
                burst_window=settings.burst_window,
            )
        )
        streams = LiveStreams(
            max_streams=settings.max_streams, max_of_caller=settings.max_streams_of_caller
        )
        listeners = [streams.wake_all]
        tail = await stack.enter_async_context(following(log, on_news=lambda: _tell(listeners)))
        await stack.enter_async_context(streams.woken_by(drain))
        objected = Objected(log.identity.cursor_key)
        objecting = await stack.enter_async_context(_objecting(log, objected))
        recorder = await stack.enter_async_context(_recording(settings, log, journals, objected))
        counting = Counting(
            open_log=log,
            is_recording_late=lambda: recorder.health.late_seconds > _LATE_SECONDS,
        )
        await stack.enter_async_context(kept_running("counting", counting.count))
        collectors = await stack.enter_async_context(collecting(settings, log.statistics))
        deliveries = await stack.enter_async_context(_deliveries(settings, log, tail, drain))
        listeners.append(deliveries.log_has_grown)
        housekeeping = await stack.enter_async_context(_housekeeping(settings, log))
        yield LogParts(
            log=log,
            journals=journals,
            tail=tail,
            streams=streams,
            recorder=recorder,
            housekeeping=housekeeping,
            deliveries=deliveries,
            objecting=objecting,
            collectors=collectors,
        )


@contextlib.asynccontextmanager
async def _objecting(log: OpenLog, objected: Objected) -> AsyncIterator[Objecting]:
    objecting = Objecting(store=log.objections, objected=objected)
    await objecting.look()
    async with kept_running("objections", objecting.follow):
        yield objecting


@contextlib.asynccontextmanager
async def _recording(
    settings: Settings, log: OpenLog, journals: Journals, objected: Objected
) -> AsyncIterator[Recorder]:
    recorder = Recorder(log, journals, spool=settings.old_spool_folder, objected=objected)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(recorder.record_rest)
        await stack.enter_async_context(kept_running("recording", recorder.record))
        yield recorder


def _tell(listeners: Sequence[Callable[[], None]]) -> None:
    for listener in listeners:
        listener()


@contextlib.asynccontextmanager
async def _deliveries(
    settings: Settings, log: OpenLog, tail: Tail, drain: Drain
) -> AsyncIterator[Deliveries]:
    async with (
        open_sender(allow_private=settings.webhook_allow_private) as sender,
        delivering(
            Surroundings(
                reader=Reader(log, tail),
                store=log.webhooks,
                sender=sender,
                owner=new_owner(),
                drain=drain,
            )
        ) as deliveries,
    ):
        yield deliveries


@contextlib.asynccontextmanager
async def _housekeeping(settings: Settings, log: OpenLog) -> AsyncIterator[Housekeeping]:
    housekeeping = Housekeeping(
        open_log=log,
        retention=settings.retention,
        statistics_retention=settings.statistics_retention,
        max_log_octets=settings.max_log_octets,
    )
    async with (
        kept_running("trimming", housekeeping.trim),
        kept_running("lags of subscriptions", housekeeping.measure),
    ):
        yield housekeeping
