"""Collects how many messages were tracked from an injector service, for statistics."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final

import grpc

from emailopens.injector.v1 import tracking_service_pb2 as pb
from emailopens.injector.v1 import tracking_service_pb2_grpc as pb_grpc
from emailopens_client.api_keys import ApiKeyFile, ApiKeyUnusable
from emailopens_client.channels import Tls, TlsFilesUnusable, open_channel
from emailopens_client.targets import with_port
from pixel_service.errors import PixelError
from pixel_service.injector_tls import tls_of
from pixel_service.injectors import DEFAULT_INJECTOR_PORT
from pixel_service.open_log import Dimension, StatisticsStore, TrackedCount, TrackedPage
from pixel_service.settings import Settings
from service_runtime.background import kept_running
from service_runtime.channel import describe_error
from service_runtime.outage import Outage

# The injector has its counts in its database within two seconds.
_INTERVAL_SECONDS: Final = 5.0

_CALL_SECONDS: Final = 10.0

# Otherwise a channel takes over the connection of the one before, with its wait for the next
# attempt, which grows to two minutes.
_OPTIONS: Final = (("grpc.use_local_subchannel_pool", 1),)

# What the log takes at once.
_PAGE_SIZE: Final = 1_000

# Of one round: two million counts, the next round goes on.
_MAX_PAGES: Final = 2_000

_DIMENSIONS: Final = {
    pb.TrackedCount.DIMENSION_UNSPECIFIED: Dimension.TOTAL,
    pb.TrackedCount.DIMENSION_TAG: Dimension.TAG,
    pb.TrackedCount.DIMENSION_MAILBOX_PROVIDER: Dimension.MAILBOX_PROVIDER,
    pb.TrackedCount.DIMENSION_PRIVACY_LEVEL: Dimension.PRIVACY_LEVEL,
}

_SECONDS_OF_HOUR: Final = 3_600


@contextlib.asynccontextmanager
async def collecting(
    settings: Settings, statistics: StatisticsStore
) -> AsyncIterator[Sequence["Collector"]]:
    """Collect from each injector that *settings* name while the block runs."""
    injectors = settings.injectors
    collectors = []
    async with contextlib.AsyncExitStack() as stack:
        for target in injectors.targets:
            collector = Collector(
                target=with_port(target, DEFAULT_INJECTOR_PORT),
                tls=tls_of(injectors),
                api_key=ApiKeyFile(
                    injectors.api_key_file,
                    insecure_plaintext=settings.protection.allows_plaintext,
                ),
                statistics=statistics,
            )
            await stack.enter_async_context(
                kept_running("collecting messages tracked", collector.collect)
            )
            collectors.append(collector)
        yield collectors


@dataclasses.dataclass(slots=True, kw_only=True)
class Collector:
    """Keeps what one injector has tracked beside the opens, as it is there now."""

    target: str
    tls: Tls | None = None
    api_key: ApiKeyFile = dataclasses.field(default_factory=ApiKeyFile)
    statistics: StatisticsStore
    interval_seconds: float = _INTERVAL_SECONDS
    counted_until: dt.datetime = dataclasses.field(default_factory=lambda: dt.datetime.now(dt.UTC))
    """Up to when everything that was tracked is here; at first when this process began."""
    _source_id: str = dataclasses.field(default="", init=False)
    """Of the database that the counts are in; empty until the injector has said it."""

    @property
    def age_seconds(self) -> float:
        """How old the counts are that are here."""
        return max(0.0, (dt.datetime.now(dt.UTC) - self.counted_until).total_seconds())

    async def collect(self) -> None:
        """Collect, again and again; whatever the injector does, go on."""
        outage = Outage("messages tracked not collected", "messages tracked collected again")
        while True:
            try:
                # For as long as it works: keys and certificates may be new after a failure.
                async with open_channel(
                    self.target, credentials=self.tls, api_key=self.api_key, options=_OPTIONS
                ) as channel:
                    stub = pb_grpc.TrackingServiceStub(channel)
                    while True:
                        await self.collect_once(stub)
                        outage.worked()
                        await asyncio.sleep(self.interval_seconds)
            except grpc.aio.AioRpcError as error:
                outage.failed(injector=self.target, error=describe_error(error))
            except (ApiKeyUnusable, TlsFilesUnusable) as error:
                outage.failed(injector=self.target, error=str(error))
            except PixelError as error:
                outage.failed(injector=self.target, error=type(error).__name__)
            await asyncio.sleep(self.interval_seconds)

    async def collect_once(self, stub: "pb_grpc.TrackingServiceAsyncStub") -> None:
        """Take over what has changed since the last time.

        Raises:
            grpc.aio.AioRpcError: the injector does not answer.
            LogUnavailable: the log does not.
        """
        for _ in range(_MAX_PAGES):
            if await self._take_page(stub):
                return

    async def _take_page(self, stub: "pb_grpc.TrackingServiceAsyncStub") -> bool:
        """Take over a page of counts; return whether it was the last."""
        revision = 0
        if self._source_id:
            revision = await self.statistics.tracked_revision(self._source_id)
        response = await stub.ListTrackedCounts(
            pb.ListTrackedCountsRequest(after_revision=revision, page_size=_PAGE_SIZE),
            timeout=_CALL_SECONDS,
        )
        if response.source_id != self._source_id:
            # What was asked for was another's; its own revision may be known, too.
            self._source_id = response.source_id
            return False
        page = _page_of(response, after_revision=revision)
        is_last = await self.statistics.set_tracked(page) and not response.has_more
        if is_last:
            self.counted_until = page.counted_until
        return is_last


def _page_of(response: pb.ListTrackedCountsResponse, *, after_revision: int) -> TrackedPage:
    return TrackedPage(
        source_id=response.source_id,
        after_revision=after_revision,
        revision=response.revision,
        counts=list(_counts_of(response)),
        counted_until=response.counted_until_time.ToDatetime(dt.UTC),
    )


def _counts_of(response: pb.ListTrackedCountsResponse) -> Iterator[TrackedCount]:
    for count in response.counts:
        dimension = _DIMENSIONS.get(count.dimension)
        # Of a newer injector, which tells messages apart by more than is known here.
        if dimension is not None:
            yield TrackedCount(
                count.start_time.seconds // _SECONDS_OF_HOUR,
                count.configuration_id,
                dimension,
                count.value,
                count.messages,
            )
