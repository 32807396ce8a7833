"""Responses, from values to messages, or to octets where those are sent as they are."""

import datetime as dt
from typing import cast

from emailopens.notification.v1 import open_notification_pb2
from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import subscription_service_pb2 as subscription_pb
from pixel_service.grpc_api.batch_octets import batch_response
from pixel_service.grpc_api.requests import StreamRequest
from pixel_service.grpc_api.times import duration, timestamp
from pixel_service.open_log import LogIdentity, OpenFilter, Position, Subscription, encode_cursor
from pixel_service.streaming import Batch, DrainNotice, Heartbeat, StreamEvent


def event_octets(event: StreamEvent, identity: LogIdentity) -> bytes:
    """Return *event* as a serialized `StreamOpensResponse`."""
    after = encode_cursor(event.after, identity)
    match event:
        case Batch():
            return batch_response(event.notifications, after)
        case Heartbeat():
            heartbeat = pb.StreamHeartbeat(
                cursor=after,
                caught_up=event.caught_up,
                lag=event.lag,
                waiting_for_acknowledgement=event.is_waiting,
            )
            heartbeat.server_time.FromDatetime(dt.datetime.now(dt.UTC))
            if event.held_back_since is not None:
                heartbeat.held_back_since.FromDatetime(event.held_back_since)
            return pb.StreamOpensResponse(heartbeat=heartbeat).SerializeToString()
        case DrainNotice():
            draining = pb.StreamDraining(cursor=after, time_left=duration(event.time_left))
            return pb.StreamOpensResponse(draining=draining).SerializeToString()


def started_octets(
    request: StreamRequest,
    identity: LogIdentity,
    *,
    start: Position,
    earliest: Position,
    head: Position,
    session_token: str,
) -> bytes:
    """Return the first response of a stream, serialized."""
    started = pb.StreamStarted(
        log_id=identity.log_id,
        start_cursor=encode_cursor(start, identity),
        earliest_cursor=encode_cursor(earliest, identity),
        head_cursor=encode_cursor(head, identity),
        session_token=session_token,
        heartbeat_interval=duration(request.heartbeat_interval),
        max_batch_size=request.max_batch_size,
        max_outstanding=request.max_outstanding if request.subscription_id else 0,
    )
    return pb.StreamOpensResponse(started=started).SerializeToString()


def subscription_to_proto(
    subscription: Subscription, identity: LogIdentity
) -> subscription_pb.Subscription:
    """Return *subscription* as the contract has it."""
    message = subscription_pb.Subscription(
        id=subscription.id,
        configuration_ids=subscription.configuration_ids,
        acknowledged_cursor=encode_cursor(subscription.acknowledged, identity),
        lag=subscription.lag,
        fell_behind=subscription.fell_behind,
        create_time=timestamp(subscription.create_time),
        acknowledge_time=timestamp(subscription.acknowledge_time),
        consumer_name=subscription.consumer_name,
        state=(
            subscription_pb.Subscription.STATE_ACTIVE
            if subscription.pause_time is None
            else subscription_pb.Subscription.STATE_PAUSED
        ),
        streaming=subscription.is_streaming,
    )
    if subscription.pause_time is not None:
        message.pause_time.FromDatetime(subscription.pause_time)
    if (end := subscription.last_stream_end) is not None:
        message.last_stream_end.end_time.FromDatetime(end.time)
        message.last_stream_end.code = end.code
        message.last_stream_end.reason = end.reason
    if subscription.filter != OpenFilter():
        message.filter.CopyFrom(filter_to_proto(subscription.filter))
    return message


def filter_to_proto(open_filter: OpenFilter) -> pb.OpenFilter:
    """Return *open_filter* as the contract has it."""
    # The numbers are the contract's; the stubs want them under their own names.
    agents = cast("list[open_notification_pb2.Agent.ValueType]", sorted(open_filter.exclude_agents))
    return pb.OpenFilter(
        exclude_agents=agents,
        min_confidence=cast(
            "open_notification_pb2.Confidence.ValueType", open_filter.min_confidence
        ),
        first_open_only=open_filter.first_open_only,
    )
