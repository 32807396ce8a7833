"""What surrounds every call: who may make it, the drain, its request's decoding, errors.

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

from service_runtime.admission import Admission
from service_runtime.api_keys import RoleNotAllowed, Unauthenticated
from service_runtime.call_end import telling_end
from service_runtime.call_gate import CallGate
from service_runtime.callers import (
    ConfigurationNotAllowed,
    current_caller,
    is_caller_known,
    set_caller,
)
from service_runtime.errors import Draining, InvalidFields, RequestUndecodable, ServiceError
from service_runtime.frames import frames_of
from service_runtime.grpc_status import internal_status, status_of

# What every service may raise.
_STATUS_OF: Final[Mapping[type[ServiceError], grpc.StatusCode]] = {
    InvalidFields: grpc.StatusCode.INVALID_ARGUMENT,
    RequestUndecodable: grpc.StatusCode.INVALID_ARGUMENT,
    Draining: grpc.StatusCode.UNAVAILABLE,
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    RoleNotAllowed: grpc.StatusCode.PERMISSION_DENIED,
    ConfigurationNotAllowed: grpc.StatusCode.PERMISSION_DENIED,
}

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
        admission: Admission,
        status_codes: Mapping[type[ServiceError], grpc.StatusCode],
    ) -> None:
        self._server = server
        self._gate = gate
        self._admission = admission
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
        names = {f"{service_name}/{name}": each for name, each in method_handlers.items()}
        wrapped = {f"/{name}": self._wrapped(each, name) for name, each in names.items()}
        self._server.add_generic_rpc_handlers((_Methods(wrapped, self._admission, self._refusing),))

    def _refusing(self, error: ServiceError, name: str) -> Handler:
        """Return what ends a call with *error*.

        Whatever the call takes, this takes a stream: then gRPC does not read the request.
        """

        async def refuse(_: object, context: Context) -> None:
            await self._abort(error, context, name)

        return grpc.stream_stream_rpc_method_handler(refuse)

    def _wrapped(self, handler: Handler, name: str) -> Handler:
        # The request is decoded here and not by gRPC, to which an error that this raises
        # is UNKNOWN with the name of a Python class, and half a dozen lines in the log.
        if handler.request_streaming:
            # Reflection alone.
            return grpc.stream_stream_rpc_method_handler(
                self._passing(handler.stream_stream, name),
                handler.request_deserializer,
                handler.response_serializer,
            )
        if not handler.response_streaming:
            return grpc.unary_unary_rpc_method_handler(
                self._unary(handler.unary_unary, handler.request_deserializer, name),
                response_serializer=handler.response_serializer,
            )
        method = handler.unary_stream
        if inspect.isasyncgenfunction(method):
            method = _writing(method)
        return grpc.unary_stream_rpc_method_handler(
            self._streaming(method, handler.request_deserializer, name),
            response_serializer=handler.response_serializer,
        )

    # The types of handlers are those of the synchronous API, for which they were
    # written; hence Any for the methods that come and go.

    def _unary(self, method: Any, decode: Any, name: str) -> Any:  # noqa: ANN401 - see above
        async def call(octets: bytes, context: Context) -> object:
            try:
                await self._enter(context, name)
                return await method(_decoded(octets, decode), context)
            except Exception as error:  # noqa: BLE001 - the edge: every error ends here
                await self._abort(error, context, name)

        return call

    def _streaming(self, method: Any, decode: Any, name: str) -> Any:  # noqa: ANN401 - see above
        async def call(octets: bytes, context: Context) -> None:
            with self._gate.counted_stream():
                try:
                    # Told before the client is, which may not read its status for long.
                    with telling_end(self._code_of):
                        await self._enter(context, name)
                        async with self._admission.while_admitted(current_caller()):
                            await method(_decoded(octets, decode), context)
                except Exception as error:  # noqa: BLE001 - the edge: every error ends here
                    await self._abort(error, context, name)

        return call

    def _passing(self, method: Any, name: str) -> Any:  # noqa: ANN401 - see above
        async def call(requests: object, context: Context) -> AsyncIterator[object]:
            try:
                self._identify(context, name)
            except ServiceError as error:
                await self._abort(error, context, name)
            async for response in method(requests, context):
                yield response

        return call

    async def _enter(self, context: Context, name: str) -> None:
        """Go on with a call that may.

        Raises:
            Unauthenticated, RoleNotAllowed, Draining: it may not.
        """
        self._identify(context, name)
        if self._gate.is_closed:
            await self._gate.wait_for_refusal()

    def _identify(self, context: Context, name: str) -> None:
        """Ask the client's certificate who calls, if the metadata have not said it.

        Only now, because gRPC shows the metadata before the request is read, and the
        certificate after that.

        Raises:
            Unauthenticated, RoleNotAllowed: nobody who may.
        """
        if is_caller_known():
            return
        try:
            set_caller(self._admission.caller_named(name, context.peer_identities()))
        except ServiceError as error:
            logger.info("call refused", method=name, reason=error.reason)
            raise

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


class _Methods(grpc.GenericRpcHandler):
    """Finds the handlers of a service for those who may call them."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        admission: Admission,
        refusing: Callable[[ServiceError, str], Handler],
    ) -> None:
        self._handlers = handlers
        self._admission = admission
        self._refusing = refusing

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "Handler | None":
        """Return the handler of a call, of which only the metadata have come."""
        method = handler_call_details.method
        handler = self._handlers.get(method)
        if handler is None:
            return None
        name = method.removeprefix("/")
        try:
            caller = self._admission.caller_of(name, handler_call_details.invocation_metadata)
        except ServiceError as error:
            logger.info("call refused", method=name, reason=error.reason)
            return self._refusing(error, name)
        # The call's own task asks for its handler.
        if caller is not None:
            set_caller(caller)
        return handler


def _decoded(octets: bytes, decode: Callable[[bytes], object]) -> object:
    """Return the request in *octets*.

    Raises:
        RequestUndecodable: they are none.
    """
    try:
        return decode(octets)
    except DecodeError:
        raise RequestUndecodable from None


def _writing(method: Any) -> Any:  # noqa: ANN401 - see `WrappingServer`
    """Return the async generator *method* as a coroutine that writes to its context.

    So that whatever interrupts the call interrupts it everywhere: gRPC would send what a
    generator yields while that is suspended.
    """

    async def write(request: object, context: Context) -> None:
        # Closed here and now, not by the garbage collector: a stream that its client left
        # must let go of what it holds.
        async with contextlib.aclosing(method(request, context)) as responses:
            async for response in responses:
                await write_response(context, response)

    return write


async def write_response(context: grpc.aio.ServicerContext[Any, Any], response: object) -> None:
    """Write to the client; if it has left, end as a call does that is cancelled."""
    try:
        await context.write(response)
    except grpc.aio.InternalError:
        # A write is the first to notice. Nobody is left to answer, and nothing is wrong.
        raise asyncio.CancelledError from None
