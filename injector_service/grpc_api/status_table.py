"""Which status each error becomes; the contract says what a client does about it."""

from collections.abc import Mapping
from typing import Final

import grpc

from injector_service import errors
from service_runtime.errors import ServiceError

STATUS_OF: Final[Mapping[type[ServiceError], grpc.StatusCode]] = {
    errors.MessageTooLarge: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.ConfigurationNotFound: grpc.StatusCode.NOT_FOUND,
    errors.ConfigurationExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.SenderBound: grpc.StatusCode.ALREADY_EXISTS,
    errors.EtagMismatch: grpc.StatusCode.ABORTED,
    errors.StorageUnavailable: grpc.StatusCode.UNAVAILABLE,
    errors.RewritingInterrupted: grpc.StatusCode.UNAVAILABLE,
}
