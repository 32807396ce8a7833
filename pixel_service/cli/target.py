"""What the commands share that call the running service."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any, Final, TypeVar

import click
import grpc

from pixel_service.default_addresses import DEFAULT_GRPC
from service_runtime.target import target_options

# Storage that fails over takes seconds; nobody waits longer for a command.
CALL_SECONDS: Final = 30.0

# The longest silence of a call that streams its progress, as the contract has it.
_SILENCE: Final = dt.timedelta(seconds=60)

Response = TypeVar("Response")

target_option: Final = target_options(
    default=DEFAULT_GRPC, envvar="EMAILOPENS_PIXEL_TARGET", help_="The running pixel service."
)


async def responses(
    call: "grpc.aio.UnaryStreamCall[Any, Response]", *, silence: dt.timedelta = _SILENCE
) -> AsyncIterator[Response]:
    """Pass on what a long call says until it ends.

    Raises:
        click.ClickException: the service says nothing for longer than *silence*.
    """
    stream = aiter(call)
    while True:
        try:
            response = await asyncio.wait_for(anext(stream), silence.total_seconds())
        except StopAsyncIteration:
            return
        except TimeoutError:
            call.cancel()
            raise click.ClickException(
                f"the service has said nothing for {silence.total_seconds():.0f} s"
            ) from None
        yield response
