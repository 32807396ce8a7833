"""What surrounds every call: the drain, requests that cannot be decoded, errors.

The handlers of a servicer are wrapped once, when it is added to a server; an interceptor
would wrap them anew for every call.
"""

import asyncio
import contextlib
import inspect
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final, NoReturn, TypeAlias, cast

import grpc
import structlog
from google.protobuf.message import DecodeError
from grpc_status import rpc_status

from service_runtime.call_gate import CallGate
from service_runtime.errors import Draining, InvalidFields, RequestUndecodable, ServiceError
from service_runtime.frames import frames_of
from service_runtime.grpc_status import internal_status, status_of

# What every service may raise.
_STATUS_OF: Final[Mapping[type[ServiceError], grpc.StatusCode]] = {
    InvalidFields: grpc.StatusCode.INVALID_ARGUMENT,
    RequestUndecodable: grpc.StatusCode.INVALID_ARGUMENT,
    Draining: grpc.StatusCode.UNAVAILABLE,
}

# Stands for a request that cannot be decoded, until its handler is called.
_UNDECODABLE: Final = object()

# Generic for the type checker only.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Context = grpc.aio.ServicerContext[object, object]

logger = structlog.get_logger()


class WrappingServer:
    """Takes handlers as a server does, and passes them on wrapped.

    A call whose handler raises ends with the status that *status_codes* names.
    """

    def __init__(
        self,
        server: grpc.aio.Server,
        *,
        gate: CallGate,
        status_codes: Mapping[type[ServiceError], grpc.StatusCode],
    ) -> None:
        self._server = server
        self._gate = gate
        self._status_codes = {**_STATUS_OF, **status_codes}

    def as_server(self) -> grpc.aio.Server:
        """Return this as what generated code adds servicers to."""
        return cast("grpc.aio.Server", self)

    def add_generic_rpc_handlers(self, handlers: Sequence[object]) -> None:
        """Do nothing: generated code goes on to give the same handlers by their names."""

    def add_registered_method_handlers(
        self, service_name: str, method_handlers: Mapping[str, Handler]
    ) -> None:
        """Add the handlers of a service."""
        wrapped = {
            name: self._wrapped(handler, f"{service_name}/{name}")
            for name, handler in method_handlers.items()
        }
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service_name, wrapped),)
        )

    def _wrapped(self, handler: Handler, name: str) -> Handler:
        if handler.request_streaming:
            raise TypeError(f"{name}: no service of ours takes a stream of requests")
        deserialize = _deserializer(handler.request_deserializer)
        if not handler.response_streaming:
            return grpc.unary_unary_rpc_method_handler(
                self._unary(handler.unary_unary, name), deserialize, handler.response_serializer
            )
        # A stream is either an async generator or a coroutine that writes to its context.
        is_generator = inspect.isasyncgenfunction(handler.unary_stream)
        wrap = self._generating if is_generator else self._writing
        return grpc.unary_stream_rpc_method_handler(
            wrap(handler.unary_stream, name), deserialize, handler.response_serializer
        )

    # The types of handlers are those of the synchronous API, for which they were
    # written; hence Any for the methods that come and go.

    def _unary(self, method: Any, name: str) -> Any:  # noqa: ANN401 - see above
        async def call(request: object, context: Context) -> object:
            try:
                await self._enter(request)
                return await method(request, context)
            except Exception as error:  # noqa: BLE001 - the edge: every error ends here
                await self._abort(error, context, name)

        return call

    def _writing(self, method: Any, name: str) -> Any:  # noqa: ANN401 - see above
        async def call(request: object, context: Context) -> None:
            with self._gate.counted_stream():
                try:
                    await self._enter(request)
                    await method(request, context)
                except Exception as error:  # noqa: BLE001 - the edge: every error ends here
                    await self._abort(error, context, name)

        return call

    def _generating(self, method: Any, name: str) -> Any:  # noqa: ANN401 - see above
        async def call(request: object, context: Context) -> AsyncIterator[object]:
            # Closed here and now, not by the garbage collector: a stream that its
            # client left must let go of what it holds.
            with self._gate.counted_stream():
                try:
                    await self._enter(request)
                    async with contextlib.aclosing(method(request, context)) as responses:
                        async for response in responses:
                            yield response
                except Exception as error:  # noqa: BLE001 - the edge: every error ends here
                    await self._abort(error, context, name)

        return call

    async def _enter(self, request: object) -> None:
        """Go on with a call that may.

        Raises:
            Draining, RequestUndecodable: it may not.
        """
        if self._gate.is_closed:
            await self._gate.wait_for_refusal()
        if request is _UNDECODABLE:
            raise RequestUndecodable

    async def _abort(self, error: Exception, context: Context, name: str) -> NoReturn:
        """End the call of *context*; raises, as gRPC's own abort does."""
        if isinstance(error, grpc.aio.AbortError):
            raise error
        if isinstance(error, RequestUndecodable):
            logger.info("request cannot be decoded", method=name)
        code = self._code_of(error)
        if isinstance(error, ServiceError) and code is not None:
            status = status_of(error, code)
        else:
            request_id = secrets.token_hex(8)
            # Not its own text, which may hold SQL, paths or addresses.
            logger.error(
                "call failed",
                method=name,
                request_id=request_id,
                error=type(error).__name__,
                frames=frames_of(error),
            )
            status = internal_status(request_id)
        try:
            await context.abort_with_status(rpc_status.to_status(status))
        except grpc.aio.InternalError:
            # The caller has left. Nobody is there to be told, and nothing is wrong.
            raise asyncio.CancelledError from None
        raise AssertionError("abort_with_status raises")

    def _code_of(self, error: Exception) -> grpc.StatusCode | None:
        """Return the code of the nearest class of *error* that the table names."""
        for cls in type(error).__mro__:
            if cls in self._status_codes:
                return self._status_codes[cls]
        return None


def _deserializer(
    deserialize: Callable[[bytes], object] | None,
) -> Callable[[bytes], object] | None:
    """Return *deserialize*, so that it raises nothing.

    What it raises in gRPC's hands becomes `UNKNOWN` with the name of a Python class, and
    half a dozen lines in the log.
    """
    if deserialize is None:
        return None

    def attempt(octets: bytes) -> object:
        try:
            return deserialize(octets)
        except DecodeError:
            return _UNDECODABLE

    return attempt
