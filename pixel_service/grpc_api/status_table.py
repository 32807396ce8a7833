"""Which status each error becomes; the contract says what a client does about it."""

from collections.abc import Mapping
from typing import Final

import grpc

from pixel_service import errors
from service_runtime.errors import ServiceError

STATUS_OF: Final[Mapping[type[ServiceError], grpc.StatusCode]] = {
    errors.CursorExpired: grpc.StatusCode.OUT_OF_RANGE,
    errors.CursorAhead: grpc.StatusCode.OUT_OF_RANGE,
    errors.CursorForeignLog: grpc.StatusCode.FAILED_PRECONDITION,
    errors.CursorMalformed: grpc.StatusCode.INVALID_ARGUMENT,
    errors.LogUnavailable: grpc.StatusCode.UNAVAILABLE,
    errors.LogDamaged: grpc.StatusCode.DATA_LOSS,
    errors.LogHole: grpc.StatusCode.DATA_LOSS,
    errors.SubscriptionNotFound: grpc.StatusCode.NOT_FOUND,
    errors.SubscriptionExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.SubscriptionTakenOver: grpc.StatusCode.ABORTED,
    errors.SubscriptionPaused: grpc.StatusCode.FAILED_PRECONDITION,
    errors.SessionStale: grpc.StatusCode.FAILED_PRECONDITION,
    errors.WebhookNotFound: grpc.StatusCode.NOT_FOUND,
    errors.WebhookExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.WebhookQuota: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.ObjectionNotFound: grpc.StatusCode.NOT_FOUND,
    errors.ObjectionQuota: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.ConsumerStalled: grpc.StatusCode.ABORTED,
    errors.StreamQuota: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.EvidenceUnusable: grpc.StatusCode.FAILED_PRECONDITION,
}
