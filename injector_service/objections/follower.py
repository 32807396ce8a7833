"""Keeps what rewriting knows of objections in line with what the pixel service says."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

import grpc

from emailopens.pixel.v1 import objection_service_pb2 as pb
from emailopens.pixel.v1 import objection_service_pb2_grpc as pb_grpc
from emailopens_client.api_keys import ApiKeyFile, ApiKeyUnusable
from emailopens_client.channels import Tls, TlsFilesUnusable, open_channel
from emailopens_client.targets import PIXEL_SERVICE_PORT, with_port
from injector_service.errors import StorageUnavailable
from injector_service.objections.objected import Digests, Objected
from injector_service.objections.store import ObjectedStore
from injector_service.pixel_service import PixelService
from service_runtime.admin_server import Condition
from service_runtime.background import kept_running
from service_runtime.channel import describe_error
from service_runtime.objection_digests import DIGEST_OCTETS
from service_runtime.outage import Outage

# For the pixel service it is a look at one row, unless something has changed.
_INTERVAL_SECONDS: Final = 1.0

_CALL_SECONDS: Final = 10.0

# A start waits for the first answer as long; without one it goes on with what was known.
_START_SECONDS: Final = 2.0

# From then on an operator should look; answers come every second.
_LATE_SECONDS: Final = 60.0

# What BLAKE2b takes.
_MAX_KEY_OCTETS: Final = 64

# Otherwise a channel takes over the connection of the one before, with its wait for the next
# attempt, which grows to two minutes.
_OPTIONS: Final = (("grpc.use_local_subchannel_pool", 1),)


class ListUnusable(Exception):
    """What came is no list of objections."""


class Follower:
    """Asks the pixel service who has objected, again and again."""

    def __init__(
        self,
        pixel_service: PixelService,
        *,
        allows_plaintext: bool,
        objected: Objected,
        store: ObjectedStore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Tell *objected* what *pixel_service* says, and have *store* remember it."""
        self._target = with_port(pixel_service.target, PIXEL_SERVICE_PORT)
        self._tls = _tls_of(pixel_service)
        self._api_key = ApiKeyFile(pixel_service.api_key_file, insecure_plaintext=allows_plaintext)
        self.objected = objected
        self._store = store
        self._unsaved: Digests | None = None
        self._clock = clock
        self._asked = clock()
        self._has_answered = asyncio.Event()

    @property
    def age_seconds(self) -> float:
        """How old the list is; at first since the start, whenever it was remembered."""
        return self._clock() - self._asked

    def condition(self) -> Condition:
        """Return whether the list is as it should be, for those who ask for readiness."""
        is_current = self.age_seconds < _LATE_SECONDS and self.objected.change is not None
        detail = "" if is_current else "(the pixel service does not answer)"
        return Condition(
            name="objections are current", holds=is_current, detail=detail, is_required=False
        )

    async def load(self) -> None:
        """Take what was known before the start.

        Raises:
            StorageUnavailable: the database does not answer.
        """
        known = await self._store.load()
        if known is not None:
            self.objected.replace(known)

    async def first_answer(self) -> None:
        """Wait for the first answer, but not for long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._has_answered.wait(), _START_SECONDS)

    async def follow(self) -> None:
        """Ask, again and again; whatever the pixel service does, go on."""
        outage = Outage("objections not asked for", "objections asked for again")
        while True:
            try:
                # For as long as it works: keys and certificates may be new after a failure.
                async with open_channel(
                    self._target, credentials=self._tls, api_key=self._api_key, options=_OPTIONS
                ) as channel:
                    stub = pb_grpc.ObjectionServiceStub(channel)
                    while True:
                        await self._ask(stub)
                        outage.worked()
                        await asyncio.sleep(_INTERVAL_SECONDS)
            except grpc.aio.AioRpcError as error:
                outage.failed(pixel_service=self._target, error=describe_error(error))
            except (ApiKeyUnusable, TlsFilesUnusable, ListUnusable) as error:
                outage.failed(pixel_service=self._target, error=str(error))
            except StorageUnavailable as error:
                outage.failed(reason=error.reason)
            self._has_answered.set()
            await asyncio.sleep(_INTERVAL_SECONDS)

    async def _ask(self, stub: "pb_grpc.ObjectionServiceAsyncStub") -> None:
        """Take over what has changed since the last time."""
        began = self._clock()
        response = await stub.ListObjectionDigests(
            pb.ListObjectionDigestsRequest(unless_change=self.objected.change),
            timeout=_CALL_SECONDS,
        )
        if not response.is_unchanged:
            # Beside the event loop: of 100,000 it takes some ten milliseconds.
            self._unsaved = await asyncio.to_thread(_digests_of, response)
            self.objected.replace(self._unsaved)
        self._asked = began
        self._has_answered.set()
        if self._unsaved is not None:
            await self._store.save(self._unsaved)
            self._unsaved = None


@contextlib.asynccontextmanager
async def following(
    pixel_service: PixelService, *, allows_plaintext: bool, store: ObjectedStore
) -> AsyncIterator[Follower]:
    """Follow what *pixel_service* says while the block runs.

    Raises:
        StorageUnavailable: the database does not say what was known before.
    """
    follower = Follower(
        pixel_service,
        allows_plaintext=allows_plaintext,
        objected=Objected(is_followed=True),
        store=store,
    )
    await follower.load()
    async with kept_running("objections", follower.follow):
        await follower.first_answer()
        yield follower


def _digests_of(response: pb.ListObjectionDigestsResponse) -> Digests:
    """Return what *response* says.

    Raises:
        ListUnusable: it is none that a pixel service gives.
    """
    key, octets = response.key, response.digests
    if not 0 < len(key) <= _MAX_KEY_OCTETS or len(octets) % DIGEST_OCTETS:
        raise ListUnusable("the answer is no list of objections")
    return Digests.of(change=response.change, key=key, octets=octets)


def _tls_of(pixel_service: PixelService) -> Tls | None:
    """Return the files by which it is called by TLS; None: in the clear."""
    tls = Tls(
        ca=pixel_service.ca,
        certificate=pixel_service.client_certificate,
        key=pixel_service.client_key,
    )
    return tls if pixel_service.tls or tls != Tls() else None
