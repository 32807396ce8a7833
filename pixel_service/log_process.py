"""Records what the journals keep, and serves everything that asks for it.

Whatever its database does ends nothing: it is tried again until it answers, and the
endpoint goes on meanwhile.
"""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Final

import structlog
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from pixel_service.collecting import Collector as TrackedCollector
from pixel_service.errors import LogSchemaOld, PixelError
from pixel_service.grpc_api import STATUS_OF
from pixel_service.journal import JournalsBusy
from pixel_service.log_metrics import LogMetrics
from pixel_service.log_parts import LogParts, working_parts
from pixel_service.log_services import log_services
from pixel_service.open_log import Webhook
from pixel_service.range_updates import RangeRefreshing
from pixel_service.settings import Settings
from pixel_service.webhooks import webhook_metrics, webhooks_in_trouble
from service_runtime.admin_server import Condition
from service_runtime.admission import Admission
from service_runtime.background import kept_running
from service_runtime.backoff import Backoff
from service_runtime.certificates import Certificate
from service_runtime.drain import Drain
from service_runtime.grpc_server import grpc_server

# Acknowledgements, lists and the like at once, of one connection: they take milliseconds.
SHORT_CALLS: Final = 1_000

# Between attempts to open the log.
_SHORTEST_RETRY: Final = dt.timedelta(milliseconds=100)
_LONGEST_RETRY: Final = dt.timedelta(seconds=5)

# One is sent every five seconds, and the log is read at least as often.
_MAX_CANARY_AGE: Final = dt.timedelta(seconds=25)

# An injector is asked every five seconds.
_MAX_TRACKED_AGE: Final = dt.timedelta(minutes=5)

logger = structlog.get_logger()


class LogProcess:
    """What runs beside the endpoints, one on a machine.

    Raises:
        ApiKeysError: the API keys cannot be read.
    """

    def __init__(self, settings: Settings, certificate: Certificate | None = None) -> None:
        self._settings = settings
        self._admission = Admission(
            settings.load_api_keys(), client_roles=settings.protection.client_roles
        )
        self._certificate = certificate
        self._parts: LogParts | None = None
        self._why_closed = "not opened yet"
        self._refreshing = RangeRefreshing(
            settings.ranges_folder, database=settings.autonomous_systems
        )

    async def serve(
        self,
        drain: Drain,
        *,
        on_serving: Callable[[str], None],
        until: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """Serve until *drain* begins, or until *until* returns after that.

        Args:
            drain: announces the end.
            on_serving: gets the address of gRPC, whenever it is served anew.
            until: returns when nothing more is written to the journals.

        Raises:
            ListenError, LogUrlInvalid: it cannot run as it was told.
        """
        async with self._admission.followed(), self._ranges_refreshed():
            await self._serve(drain, on_serving=on_serving, until=until or drain.wait)

    @contextlib.asynccontextmanager
    async def _ranges_refreshed(self) -> AsyncIterator[None]:
        """Refresh address ranges during the block, if that is wanted; whatever the log does."""
        if not self._settings.refresh_ranges:
            yield
            return
        async with kept_running("refreshing of address ranges", self._refreshing.refresh):
            yield

    async def _serve(
        self,
        drain: Drain,
        *,
        on_serving: Callable[[str], None],
        until: Callable[[], Awaitable[object]],
    ) -> None:
        backoff = Backoff(shortest=_SHORTEST_RETRY, longest=_LONGEST_RETRY)
        while not drain.is_draining:
            try:
                async with self._opened(drain) as address:
                    on_serving(address)
                    await until()
            except (PixelError, LogSchemaOld, JournalsBusy, OSError) as error:
                if self._why_closed != str(error):
                    # No traceback: it is the database's word, or an operator's task.
                    logger.error(  # noqa: TRY400 - see above
                        "log cannot be opened",
                        reason=str(error),
                        cause=type(error.__cause__ or error).__name__,
                    )
                self._why_closed = str(error)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(backoff.next_seconds()):
                        await drain.wait()

    @contextlib.asynccontextmanager
    async def _opened(self, drain: Drain) -> AsyncIterator[str]:
        settings = self._settings
        async with (
            working_parts(settings, drain) as parts,
            grpc_server(
                listen=settings.grpc,
                services=log_services(
                    parts,
                    drain=drain,
                    settings=settings,
                    conditions=lambda: self.conditions(are_required=True),
                ),
                status_codes=STATUS_OF,
                drain=drain,
                admission=self._admission,
                has_reflection=not settings.no_reflection,
                certificate=self._certificate,
                # One connection may have half of these: all streams, and calls beside them.
                max_calls=2 * (settings.max_streams + SHORT_CALLS),
                unix_socket=settings.page_socket,
            ) as address,
        ):
            self._parts = parts
            try:
                logger.info("log is open", journals=len(parts.journals.found()))
                yield address
            finally:
                self._parts, self._why_closed = None, "closed"

    def conditions(self, *, are_required: bool) -> list[Condition]:
        """Return what must hold for opens to reach those who want them.

        Args:
            are_required: whether the process is not ready without; not where mail clients
                are sent away, too, by a process that is not ready.
        """
        parts = self._parts
        if parts is None:
            is_recorded, detail = False, f"({self._why_closed})"
        else:
            health = parts.recorder.health
            is_recorded = not health.is_failing
            detail = f"(the oldest that is not waits for {health.late_seconds:.0f} s)"
        can_stream = parts is not None and parts.tail.is_well()
        canary_age = 0.0 if parts is None else parts.canary_age_seconds
        return [
            Condition(
                name="opens are recorded",
                holds=is_recorded,
                detail=detail,
                is_required=are_required,
            ),
            Condition(name="opens can be streamed", holds=can_stream, is_required=are_required),
            Condition(
                name="canary comes through",
                holds=canary_age <= _MAX_CANARY_AGE.total_seconds(),
                detail=f"(sent {canary_age:.0f} s ago)",
                is_required=are_required,
            ),
            _not_held_back(None if parts is None else parts.log.held_back_since),
            _webhooks_deliver(() if parts is None else parts.housekeeping.webhooks),
            *_messages_tracked_are_collected(() if parts is None else parts.collectors),
            *self._admission.conditions(),
        ]

    @property
    def metrics(self) -> Collector:
        """The metrics, those of the log while it is open."""
        return _LogCollector(lambda: self._parts, self._refreshing)


def _not_held_back(since: dt.datetime | None) -> Condition:
    # Not required: somebody else's transaction is to blame, and another process no better off.
    return Condition(
        name="opens are not held back",
        holds=since is None,
        detail="" if since is None else f"(since {since.isoformat(timespec='seconds')})",
        is_required=False,
    )


def _webhooks_deliver(webhooks: Sequence[Webhook]) -> Condition:
    # Not required: it is their receivers' business, and another process no better off.
    trouble = webhooks_in_trouble(webhooks)
    return Condition(
        name="webhooks deliver",
        holds=not trouble,
        detail=f"({trouble})" if trouble else "",
        is_required=False,
    )


def _messages_tracked_are_collected(collectors: Sequence[TrackedCollector]) -> list[Condition]:
    """Return nothing where no injector is to be asked."""
    old = [each for each in collectors if each.age_seconds > _MAX_TRACKED_AGE.total_seconds()]
    detail = ", ".join(f"{each.target}: {each.age_seconds:.0f} s ago" for each in old)
    # Not required: opens are what the process is for, and another process no better off.
    condition = Condition(
        name="messages tracked are collected",
        holds=not old,
        detail=f"({detail})" if detail else "",
        is_required=False,
    )
    return [condition] if collectors else []


class _LogCollector(Collector):
    def __init__(self, parts: Callable[[], LogParts | None], refreshing: RangeRefreshing) -> None:
        self._parts = parts
        self._refreshing = refreshing

    def collect(self) -> Iterator[Metric]:
        yield from self._refreshing.collect()
        parts = self._parts()
        if parts is not None:
            yield from LogMetrics(
                recording=lambda: parts.recorder.health,
                streams=lambda: len(parts.streams),
                uncounted=lambda: parts.housekeeping.uncounted,
                subscriptions=lambda: parts.housekeeping.subscriptions,
                canary_age_seconds=lambda: parts.canary_age_seconds,
                held_back_since=lambda: parts.log.held_back_since,
                tracked_ages=lambda: {each.target: each.age_seconds for each in parts.collectors},
            ).collect()
            yield from webhook_metrics(parts.housekeeping.webhooks, parts.deliveries.outcomes)
