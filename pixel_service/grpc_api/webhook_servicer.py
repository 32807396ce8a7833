"""WebhookService: from calls to the store, and back."""

import datetime as dt
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

import grpc

from emailopens.pixel.v1 import webhook_service_pb2 as pb
from emailopens.pixel.v1 import webhook_service_pb2_grpc as pb_grpc
from pixel_service.grpc_api.own_webhooks import OwnWebhooks, own_webhooks
from pixel_service.grpc_api.requests import read_selection, read_start
from pixel_service.grpc_api.webhook_values import (
    read_format,
    read_number,
    read_overlap,
    read_secret,
    read_skips_refused,
    skipped_to_proto,
    webhook_to_proto,
)
from pixel_service.open_log import BEGINNING, OpenLog, Webhook, WebhookSecret
from pixel_service.streaming import NamedPosition, Start, position_of
from pixel_service.webhooks import PublicResolver, mistake_of_url
from service_runtime.field_checks import FieldChecks
from service_runtime.grpc_server import GrpcService
from service_runtime.page_tokens import page_of, read_page_token

SERVICE_NAME: Final = pb.DESCRIPTOR.services_by_name["WebhookService"].full_name

_DEFAULT_PAGE_SIZE: Final = 50
_MAX_PAGE_SIZE: Final = 1_000

# 80 bits: no two are ever the same.
_NEW_ID_OCTETS: Final = 10


class WebhookServicer(pb_grpc.WebhookServiceServicer):
    """Serves webhooks; whoever delivers them is told of each change.

    Args:
        open_log: the log that they are kept beside.
        allow_private: whether addresses may be used that are not public, and plain HTTP.
        on_change: called after a webhook was changed.
    """

    def __init__(
        self, *, open_log: OpenLog, allow_private: bool, on_change: Callable[[], None]
    ) -> None:
        self._log = open_log
        # One for all calls, so that names that are not answered take so many threads and no more.
        self._resolver = PublicResolver(allow_private=allow_private)
        self._on_change = on_change

    @property
    def _own(self) -> OwnWebhooks:
        return own_webhooks(self._log.webhooks)

    async def CreateWebhook(
        self,
        request: pb.CreateWebhookRequest,
        _: grpc.aio.ServicerContext[pb.CreateWebhookRequest, pb.CreateWebhookResponse],
    ) -> pb.CreateWebhookResponse:
        """Create a webhook."""
        checks = FieldChecks()
        secret = read_secret(request.secret, checks)
        wanted = self._read_webhook(request.webhook, secret, checks)
        start: Start = NamedPosition.LATEST
        if (which := request.WhichOneof("start")) is not None:
            start = read_start(request, which, checks, oneof="start")
        mistake = await mistake_of_url(request.webhook.url, self._resolver)
        checks.require(mistake is None, "webhook.url", mistake or "")
        checks.finish()
        made = await self._changed(
            self._own.create(wanted, start=await position_of(start, self._log))
        )
        return pb.CreateWebhookResponse(webhook=made, secret=secret)

    def _read_webhook(self, message: pb.Webhook, secret: str, checks: FieldChecks) -> Webhook:
        """Return the webhook that *message* asks for; its place is not looked at."""
        if message.id:
            checks.require_id(message.id, "webhook.id")
        selection = read_selection(
            message.configuration_ids, message.filter, checks, prefix="webhook."
        )
        return Webhook(
            id=message.id or secrets.token_hex(_NEW_ID_OCTETS),
            url=message.url,
            secrets=(WebhookSecret(text=secret),),
            body_format=read_format(message.format, checks),
            skips_refused=read_skips_refused(message.refused_event_policy, checks),
            delivered=BEGINNING,
            create_time=dt.datetime.now(dt.UTC),
            configuration_ids=tuple(sorted(selection.configuration_ids)),
            filter=selection.filter,
        )

    async def GetWebhook(
        self,
        request: pb.GetWebhookRequest,
        _: grpc.aio.ServicerContext[pb.GetWebhookRequest, pb.GetWebhookResponse],
    ) -> pb.GetWebhookResponse:
        """Return a webhook."""
        _check_id(request.webhook_id)
        found = await self._own.get(request.webhook_id)
        return pb.GetWebhookResponse(webhook=self._to_proto(found))

    async def ListWebhooks(
        self,
        request: pb.ListWebhooksRequest,
        _: grpc.aio.ServicerContext[pb.ListWebhooksRequest, pb.ListWebhooksResponse],
    ) -> pb.ListWebhooksResponse:
        """Return a page of the webhooks."""
        checks = FieldChecks()
        size = checks.page_size(request.page_size, default=_DEFAULT_PAGE_SIZE, most=_MAX_PAGE_SIZE)
        after_id = read_page_token(request.page_token, checks)
        checks.finish()
        found = await self._own.page(after_id=after_id, limit=size + 1)
        page, token = page_of(found, size, lambda each: each.id)
        return pb.ListWebhooksResponse(
            webhooks=[self._to_proto(each) for each in page],
            next_page_token=token,
        )

    async def PauseWebhook(
        self,
        request: pb.PauseWebhookRequest,
        _: grpc.aio.ServicerContext[pb.PauseWebhookRequest, pb.PauseWebhookResponse],
    ) -> pb.PauseWebhookResponse:
        """Pause a webhook."""
        _check_id(request.webhook_id)
        paused = await self._changed(self._own.pause(request.webhook_id))
        return pb.PauseWebhookResponse(webhook=paused)

    async def ResumeWebhook(
        self,
        request: pb.ResumeWebhookRequest,
        _: grpc.aio.ServicerContext[pb.ResumeWebhookRequest, pb.ResumeWebhookResponse],
    ) -> pb.ResumeWebhookResponse:
        """Make a webhook active."""
        _check_id(request.webhook_id)
        resumed = await self._changed(self._own.resume(request.webhook_id))
        return pb.ResumeWebhookResponse(webhook=resumed)

    async def ReplayWebhook(
        self,
        request: pb.ReplayWebhookRequest,
        _: grpc.aio.ServicerContext[pb.ReplayWebhookRequest, pb.ReplayWebhookResponse],
    ) -> pb.ReplayWebhookResponse:
        """Move a webhook."""
        checks = FieldChecks()
        checks.require_id(request.webhook_id, "webhook_id")
        target = read_start(request, request.WhichOneof("target"), checks, oneof="target")
        checks.finish()
        moved = await self._changed(
            self._own.replay(request.webhook_id, to=await position_of(target, self._log))
        )
        return pb.ReplayWebhookResponse(webhook=moved)

    async def RotateWebhookSecret(
        self,
        request: pb.RotateWebhookSecretRequest,
        _: grpc.aio.ServicerContext[pb.RotateWebhookSecretRequest, pb.RotateWebhookSecretResponse],
    ) -> pb.RotateWebhookSecretResponse:
        """Give a webhook another secret."""
        checks = FieldChecks()
        checks.require_id(request.webhook_id, "webhook_id")
        secret = read_secret(request.secret, checks)
        overlap = read_overlap(request, checks)
        checks.finish()
        rotated = await self._changed(self._own.rotate(request.webhook_id, secret, overlap=overlap))
        return pb.RotateWebhookSecretResponse(webhook=rotated, secret=secret)

    async def ListSkippedEvents(
        self,
        request: pb.ListSkippedEventsRequest,
        _: grpc.aio.ServicerContext[pb.ListSkippedEventsRequest, pb.ListSkippedEventsResponse],
    ) -> pb.ListSkippedEventsResponse:
        """Return a page of what a webhook has skipped."""
        checks = FieldChecks()
        checks.require_id(request.webhook_id, "webhook_id")
        size = checks.page_size(request.page_size, default=_DEFAULT_PAGE_SIZE, most=_MAX_PAGE_SIZE)
        below = read_number(read_page_token(request.page_token, checks), checks)
        checks.finish()
        found = await self._own.skipped(request.webhook_id, below=below, limit=size + 1)
        page, token = page_of(found, size, lambda each: str(each[0]))
        return pb.ListSkippedEventsResponse(
            skipped_events=[skipped_to_proto(event, self._log.identity) for _, event in page],
            next_page_token=token,
        )

    async def DeleteWebhook(
        self,
        request: pb.DeleteWebhookRequest,
        _: grpc.aio.ServicerContext[pb.DeleteWebhookRequest, pb.DeleteWebhookResponse],
    ) -> pb.DeleteWebhookResponse:
        """Delete a webhook."""
        _check_id(request.webhook_id)
        await self._own.delete(request.webhook_id)
        self._on_change()
        return pb.DeleteWebhookResponse()

    def service(self, *, can_serve: Callable[[], bool]) -> GrpcService:
        """Return what a gRPC server needs to serve this as long as *can_serve*."""
        return GrpcService(
            name=SERVICE_NAME,
            add=lambda server: pb_grpc.add_WebhookServiceServicer_to_server(self, server),
            can_serve=can_serve,
        )

    async def _changed(self, change: Awaitable[Webhook]) -> pb.Webhook:
        """Make *change*, and tell whoever delivers; return the webhook as it is now."""
        webhook = await change
        self._on_change()
        return self._to_proto(webhook)

    def _to_proto(self, webhook: Webhook) -> pb.Webhook:
        return webhook_to_proto(webhook, self._log.identity)


def _check_id(webhook_id: str) -> None:
    checks = FieldChecks()
    checks.require_id(webhook_id, "webhook_id")
    checks.finish()
