"""What a command says while nobody answers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final

import click

# Whoever waits longer wonders; a connection around the world takes a tenth of that.
_SECONDS: Final = 5.0


def say(sentence: str) -> None:
    """Say *sentence* to whoever runs the command."""
    click.echo(sentence, err=True)


@contextlib.asynccontextmanager
async def said_if_silent(
    sentence: str, *, is_silent: Callable[[], bool], say: Callable[[str], None] = say
) -> AsyncIterator[None]:
    """Say *sentence* some seconds after the block has begun, if it runs and *is_silent* then."""

    async def watch() -> None:
        await asyncio.sleep(_SECONDS)
        if is_silent():
            say(sentence)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
