"""Turns what servicers raise into statuses (AIP-193).

A `ServiceError` becomes the status that the service's table names, with exactly
one `google.rpc.ErrorInfo`, and a `BadRequest` or `RetryInfo` where it fits.
Anything else becomes `INTERNAL` with a fixed sentence and a request ID, and goes
to the log under the same ID: its own text may hold SQL, paths or addresses.
"""

# grpc's handler class is generic for the type checker only.
from __future__ import annotations

import contextlib
import inspect
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, NoReturn, TypeVar

import grpc
import structlog
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from service_runtime.errors import InvalidFields, ServiceError

DOMAIN: Final = "emailopens"

Request = TypeVar("Request")
Response = TypeVar("Response")
Context = grpc.aio.ServicerContext[object, object]

log = structlog.get_logger()


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


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Ends a call whose servicer raised with the status that the table names."""

    def __init__(self, status_codes: Mapping[type[ServiceError], grpc.StatusCode]) -> None:
        self._status_codes: dict[type[ServiceError], grpc.StatusCode] = dict(status_codes)
        self._status_codes.setdefault(InvalidFields, grpc.StatusCode.INVALID_ARGUMENT)

    async def intercept_service(
        self,
        continuation: Callable[
            [grpc.HandlerCallDetails],
            Awaitable[grpc.RpcMethodHandler[Request, Response] | None],
        ],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Request, Response] | None:
        """Wrap the handler of a call: those with one request, as all of ours have."""
        handler = await continuation(handler_call_details)
        # An unknown method has no handler: gRPC answers UNIMPLEMENTED.
        if handler is None or handler.request_streaming:
            return handler
        if handler.response_streaming:
            # A stream is either an async generator or, as in the health service, a
            # coroutine that writes to its context.
            is_generator = inspect.isasyncgenfunction(handler.unary_stream)
            wrap = self._streaming if is_generator else self._unary
            return grpc.unary_stream_rpc_method_handler(
                wrap(handler.unary_stream),
                request_deserializer=handler.request_deserializer,
                response_serializer=handler.response_serializer,
            )
        return grpc.unary_unary_rpc_method_handler(
            self._unary(handler.unary_unary),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    # The types of handlers are those of the synchronous API, for which they were
    # written; hence Any for the methods that come and go.

    def _unary(self, method: Any) -> Any:  # noqa: ANN401 - see above
        async def call(request: object, context: Context) -> object:
            try:
                return await method(request, context)
            except Exception as error:  # noqa: BLE001 - the edge: every error ends here
                await self._abort(error, context)

        return call

    def _streaming(self, method: Any) -> Any:  # noqa: ANN401 - see above
        async def call(request: object, context: Context) -> AsyncIterator[object]:
            # Closed here and now, not by the garbage collector: a stream that its
            # client left must let go of what it holds.
            async with contextlib.aclosing(method(request, context)) as responses:
                try:
                    async for response in responses:
                        yield response
                except Exception as error:  # noqa: BLE001 - the edge: every error ends here
                    await self._abort(error, context)

        return call

    async def _abort(self, error: Exception, context: Context) -> NoReturn:
        """End the call of *context*; raises, as gRPC's own abort does."""
        if isinstance(error, grpc.aio.AbortError):
            raise error
        code = self._code_of(error)
        if isinstance(error, ServiceError) and code is not None:
            status = status_of(error, code)
        else:
            request_id = secrets.token_hex(8)
            log.error("call failed", request_id=request_id, exc_info=error)
            status = internal_status(request_id)
        await context.abort_with_status(rpc_status.to_status(status))
        raise AssertionError("abort_with_status raises")

    def _code_of(self, error: Exception) -> grpc.StatusCode | None:
        """Return the code of the nearest class of *error* that the table names."""
        for cls in type(error).__mro__:
            if cls in self._status_codes:
                return self._status_codes[cls]
        return None
