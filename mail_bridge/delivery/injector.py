"""The injector, asked for the changes that make each recipient's copy."""

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import Final

import grpc
import structlog

from emailopens.errors.v1 import error_reason_pb2
from emailopens.injector.v1 import injector_service_pb2 as pb
from emailopens_client.api_keys import ApiKeyUnusable
from emailopens_client.channels import TlsFilesUnusable
from mail_bridge.delivery.channel import InjectorChannel
from mail_bridge.delivery.reach import Reach
from mail_bridge.delivery.reasons import Untracked, reason_of_error, reason_of_outcome
from mail_bridge.delivery.settings import TrackingSettings
from mail_bridge.smtp import Change
from service_runtime.channel import describe_error

# Between attempts of one call: as long as an injector that stops asks for.
_PAUSE_SECONDS: Final = 0.2

# What one call leaves over the next one makes, and each makes some: a thousand copies of a few
# hundred octets are one call, and only of strange messages are they more.
_MOST_CALLS: Final = 20

# Between two looks at an injector that is away.
_LOOK_SECONDS: Final = 1.0

_LEFT_OVER: Final = error_reason_pb2.ERROR_REASON_RECIPIENT_LEFT_OVER

_PASSING: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)

_UNREACHED: Final = frozenset({Untracked.AWAY, Untracked.DEADLINE, Untracked.REFUSES})

# What is asked about when there is no mail.
_NO_MESSAGE: Final = b"Subject: a look at the injector\r\n\r\n"

logger = structlog.get_logger()


class TrackingFailed(Exception):
    """No copy of a message is tracked."""

    def __init__(self, reason: Untracked) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclasses.dataclass(frozen=True, slots=True)
class Made:
    """What becomes of one recipient's copy."""

    changes: tuple[Change, ...] = ()

    untracked: str | None = None
    """Why it has no pixel; None: it has one."""


class Injector:
    """A client of the injector that knows when it is away."""

    def __init__(self, settings: TrackingSettings) -> None:
        self.reach = Reach()
        self._settings = settings
        self._channel = InjectorChannel(settings)

    async def open(self) -> None:
        """Begin.

        Raises:
            ApiKeyUnusable, TlsFilesUnusable: a file cannot be used.
        """
        await self._channel.open()

    async def close(self) -> None:
        """End."""
        await self._channel.close()

    async def watch(self) -> None:
        """Say at the start, and after each time that it was away, what the injector says; for ever.

        While it is away it is asked beside the mail, by a new channel each time: what is wrong may
        be a key or a certificate that has been replaced.
        """
        while True:
            if await self._look():
                await self.reach.wait_until_away()
            else:
                await asyncio.sleep(_LOOK_SECONDS)

    async def copies(self, message: bytes, addresses: Sequence[str]) -> Sequence[Made]:
        """Return what becomes of the copy for each of *addresses*.

        Raises:
            TrackingFailed: nobody knows, or the message as a whole is not for tracking.
        """
        if self.reach.is_away:
            raise TrackingFailed(Untracked.AWAY)
        deadline = asyncio.get_running_loop().time() + self._settings.deadline_seconds
        made: list[Made] = []
        for _ in range(_MOST_CALLS):
            request = self._request(message, addresses[len(made) :])
            response = await self._answered(request, deadline)
            made += _made(response)
            if len(made) >= len(addresses):
                break
        if len(made) != len(addresses) or not all(_fits(each, len(message)) for each in made):
            raise TrackingFailed(Untracked.ERROR)
        return made

    async def _answered(
        self, request: pb.RewriteForRecipientsRequest, deadline: float
    ) -> pb.RewriteForRecipientsResponse:
        """Return the answer to *request*; an injector that starts again is waited for."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                response = await self._call(request, deadline - loop.time())
            except grpc.aio.AioRpcError as error:
                if error.code() in _PASSING and loop.time() + _PAUSE_SECONDS < deadline:
                    reason = reason_of_error(error)
                    if reason is Untracked.AWAY:
                        await asyncio.sleep(_PAUSE_SECONDS)
                        continue
                raise self._failed(error) from error
            self.reach.worked()
            return response

    async def _call(
        self, request: pb.RewriteForRecipientsRequest, seconds: float
    ) -> pb.RewriteForRecipientsResponse:
        try:
            async with self._channel.stub() as stub:
                return await stub.RewriteForRecipients(request, timeout=seconds)
        except grpc.aio.AioRpcError as error:
            if not self._settings.api_key.explains(error) or not await self._renewed():
                raise
        async with self._channel.stub() as stub:
            return await stub.RewriteForRecipients(request, timeout=seconds)

    async def _renewed(self) -> bool:
        """Open a channel with what is in the files now; return whether they can be used."""
        try:
            await self._channel.open()
        except (ApiKeyUnusable, TlsFilesUnusable):
            return False
        return True

    def _failed(self, error: grpc.aio.AioRpcError) -> TrackingFailed:
        reason = reason_of_error(error)
        if reason in _UNREACHED:
            self.reach.failed(error.code().name)
        return TrackingFailed(reason)

    async def _look(self) -> bool:
        """Return whether the injector answers; say what it thinks of the bridge's settings."""
        request = pb.RewriteForRecipientsRequest(
            raw_message=_NO_MESSAGE,
            configuration_ids=self._settings.configuration_ids,
            recipients=[pb.RewriteForRecipientsRequest.Recipient(address="postmaster")],
            tracking=pb.RewriteMessageRequest.TRACKING_OFF,
        )
        try:
            await self._channel.open()
            await self._call(request, self._settings.deadline_seconds)
        except (ApiKeyUnusable, TlsFilesUnusable) as error:
            self.reach.away(str(error))
            return False
        except grpc.aio.AioRpcError as error:
            if reason_of_error(error) in _UNREACHED:
                self.reach.away(describe_error(error))
                return False
            logger.error(  # noqa: TRY400 - no traceback: a setting is wrong
                "configuration cannot be used, mail goes on untracked", reason=describe_error(error)
            )
        self.reach.worked()
        return True

    def _request(self, message: bytes, addresses: Sequence[str]) -> pb.RewriteForRecipientsRequest:
        recipient = pb.RewriteForRecipientsRequest.Recipient
        return pb.RewriteForRecipientsRequest(
            raw_message=message,
            default_configuration_ids=self._settings.configuration_ids,
            recipients=[recipient(address=each) for each in addresses],
        )


def _made(response: pb.RewriteForRecipientsResponse) -> list[Made]:
    """Return what has become of the first recipients, up to those that are left over."""
    made = []
    for result in response.results:
        if result.error.reason == _LEFT_OVER:
            break
        changes = tuple(
            Change(each.offset, each.offset + each.delete_count, each.insert)
            for each in result.splices
        )
        made.append(Made(changes, reason_of_outcome(result.outcome)))
    return made


def _fits(made: Made, octets: int) -> bool:
    """Return whether the changes are of a message of so many *octets*, in order and apart."""
    place = 0
    for change in made.changes:
        if not place <= change.start <= change.end <= octets:
            return False
        place = change.end
    return True
