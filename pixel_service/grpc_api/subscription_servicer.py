"""SubscriptionService: from calls to the store, and back."""

import secrets
from collections.abc import Callable
from typing import Final

import grpc

from emailopens.pixel.v1 import subscription_service_pb2 as pb
from emailopens.pixel.v1 import subscription_service_pb2_grpc as pb_grpc
from pixel_service.grpc_api.own_subscriptions import OwnSubscriptions, own_subscriptions
from pixel_service.grpc_api.requests import read_selection, read_start
from pixel_service.grpc_api.responses import subscription_to_proto
from pixel_service.open_log import OpenLog, Subscription
from pixel_service.streaming import position_of
from service_runtime.field_checks import FieldChecks
from service_runtime.grpc_server import GrpcService
from service_runtime.page_tokens import page_of, read_page_token

SERVICE_NAME: Final = pb.DESCRIPTOR.services_by_name["SubscriptionService"].full_name

DEFAULT_PAGE_SIZE: Final = 50
MAX_PAGE_SIZE: Final = 1_000

# 80 bits: no two are ever the same.
_NEW_ID_OCTETS: Final = 10


class SubscriptionServicer(pb_grpc.SubscriptionServiceServicer):
    """Serves subscriptions."""

    def __init__(self, *, open_log: OpenLog) -> None:
        self._log = open_log
        self._store = open_log.subscriptions

    @property
    def _own(self) -> OwnSubscriptions:
        return own_subscriptions(self._store)

    async def CreateSubscription(
        self,
        request: pb.CreateSubscriptionRequest,
        _: grpc.aio.ServicerContext[pb.CreateSubscriptionRequest, pb.CreateSubscriptionResponse],
    ) -> pb.CreateSubscriptionResponse:
        """Create a subscription."""
        checks = FieldChecks()
        wanted = request.subscription
        if wanted.id:
            checks.require_id(wanted.id, "subscription.id")
        selection = read_selection(
            wanted.configuration_ids, wanted.filter, checks, prefix="subscription."
        )
        start = read_start(request, request.WhichOneof("start"), checks, oneof="start")
        checks.finish()
        made = await self._own.create(
            wanted.id or secrets.token_hex(_NEW_ID_OCTETS),
            start=await position_of(start, self._log),
            configuration_ids=selection.configuration_ids,
            open_filter=selection.filter,
        )
        return pb.CreateSubscriptionResponse(subscription=self._to_proto(made))

    async def GetSubscription(
        self,
        request: pb.GetSubscriptionRequest,
        _: grpc.aio.ServicerContext[pb.GetSubscriptionRequest, pb.GetSubscriptionResponse],
    ) -> pb.GetSubscriptionResponse:
        """Return a subscription."""
        _check_id(request.subscription_id)
        found = await self._own.get(request.subscription_id)
        return pb.GetSubscriptionResponse(subscription=self._to_proto(found))

    async def ListSubscriptions(
        self,
        request: pb.ListSubscriptionsRequest,
        _: grpc.aio.ServicerContext[pb.ListSubscriptionsRequest, pb.ListSubscriptionsResponse],
    ) -> pb.ListSubscriptionsResponse:
        """Return a page of the subscriptions."""
        checks = FieldChecks()
        size = checks.page_size(request.page_size, default=DEFAULT_PAGE_SIZE, most=MAX_PAGE_SIZE)
        after_id = read_page_token(request.page_token, checks)
        checks.finish()
        found = await self._own.page(after_id=after_id, limit=size + 1)
        page, token = page_of(found, size, lambda each: each.id)
        return pb.ListSubscriptionsResponse(
            subscriptions=[self._to_proto(each) for each in page],
            next_page_token=token,
        )

    async def PauseSubscription(
        self,
        request: pb.PauseSubscriptionRequest,
        _: grpc.aio.ServicerContext[pb.PauseSubscriptionRequest, pb.PauseSubscriptionResponse],
    ) -> pb.PauseSubscriptionResponse:
        """Pause a subscription."""
        _check_id(request.subscription_id)
        paused = await self._own.pause(request.subscription_id)
        return pb.PauseSubscriptionResponse(subscription=self._to_proto(paused))

    async def ResumeSubscription(
        self,
        request: pb.ResumeSubscriptionRequest,
        _: grpc.aio.ServicerContext[pb.ResumeSubscriptionRequest, pb.ResumeSubscriptionResponse],
    ) -> pb.ResumeSubscriptionResponse:
        """Resume a subscription."""
        _check_id(request.subscription_id)
        resumed = await self._own.resume(request.subscription_id)
        return pb.ResumeSubscriptionResponse(subscription=self._to_proto(resumed))

    async def SeekSubscription(
        self,
        request: pb.SeekSubscriptionRequest,
        _: grpc.aio.ServicerContext[pb.SeekSubscriptionRequest, pb.SeekSubscriptionResponse],
    ) -> pb.SeekSubscriptionResponse:
        """Move a subscription."""
        checks = FieldChecks()
        checks.require_id(request.subscription_id, "subscription_id")
        target = read_start(request, request.WhichOneof("target"), checks, oneof="target")
        checks.finish()
        moved = await self._own.seek(
            request.subscription_id, to=await position_of(target, self._log)
        )
        return pb.SeekSubscriptionResponse(subscription=self._to_proto(moved))

    async def DeleteSubscription(
        self,
        request: pb.DeleteSubscriptionRequest,
        _: grpc.aio.ServicerContext[pb.DeleteSubscriptionRequest, pb.DeleteSubscriptionResponse],
    ) -> pb.DeleteSubscriptionResponse:
        """Delete a subscription."""
        _check_id(request.subscription_id)
        await self._own.delete(request.subscription_id)
        return pb.DeleteSubscriptionResponse()

    def service(self, *, can_serve: Callable[[], bool]) -> GrpcService:
        """Return what a gRPC server needs to serve this as long as *can_serve*."""
        return GrpcService(
            name=SERVICE_NAME,
            add=lambda server: pb_grpc.add_SubscriptionServiceServicer_to_server(self, server),
            can_serve=can_serve,
        )

    def _to_proto(self, subscription: Subscription) -> pb.Subscription:
        return subscription_to_proto(subscription, self._log.identity)


def _check_id(subscription_id: str) -> None:
    checks = FieldChecks()
    checks.require_id(subscription_id, "subscription_id")
    checks.finish()
