"""Errors as gRPC's statuses (AIP-193).

A `ServiceError` becomes the status that the service's table names, with exactly
one `google.rpc.ErrorInfo`, and a `BadRequest` or `RetryInfo` where it fits.
Anything else becomes `INTERNAL` with a fixed sentence and a request ID.
"""

from typing import Final

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from service_runtime.errors import InvalidFields, ServiceError

DOMAIN: Final = "emailopens"


def status_of(error: ServiceError, code: grpc.StatusCode) -> status_pb2.Status:
    """Return the `google.rpc.Status` that says everything about *error*."""
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata)
    ]
    if isinstance(error, InvalidFields):
        details.append(
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(
                        field=each.field, description=each.description
                    )
                    for each in error.violations
                ]
            )
        )
    if error.retry_delay is not None:
        delay = duration_pb2.Duration()
        delay.FromTimedelta(error.retry_delay)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    return _status(code, error.message, details)


def internal_status(request_id: str) -> status_pb2.Status:
    """Return the status of a fault of ours."""
    info = error_details_pb2.ErrorInfo(
        reason="INTERNAL", domain=DOMAIN, metadata={"request_id": request_id}
    )
    return _status(
        grpc.StatusCode.INTERNAL, f"internal error; the service's log has {request_id}", [info]
    )


def _status(code: grpc.StatusCode, message: str, details: list[Message]) -> status_pb2.Status:
    packed = []
    for detail in details:
        packed.append(any_pb2.Any())
        packed[-1].Pack(detail)
    return status_pb2.Status(code=code_pb2.Code.Value(code.name), message=message, details=packed)
