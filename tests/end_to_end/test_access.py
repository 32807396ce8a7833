"""Nobody calls either service without a key that allows it: all calls, all roles, commands."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor

from emailopens.injector.v1 import configuration_service_pb2, injector_service_pb2
from emailopens.pixel.v1 import operation_service_pb2, pixel_service_pb2, subscription_service_pb2
from service_runtime.api_keys.key_file import remove_key
from service_runtime.callers import Role
from service_runtime.permissions import ROLES
from service_runtime.protection import Protection
from tests.fixtures.api_keys import Metadata, a_key, bearer
from tests.fixtures.tls_services import a_pixel_service, an_injector_service

INJECTOR = (configuration_service_pb2, injector_service_pb2)
PIXEL = (operation_service_pb2, pixel_service_pb2, subscription_service_pb2)
REFUSED = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)


@contextlib.asynccontextmanager
async def guarded(folder: Path) -> AsyncIterator[tuple[str, str]]:
    """Run both services with one file of keys; yields where they are."""
    keys = folder / "api_keys"
    async with (
        an_injector_service(folder, Protection(), api_keys=keys) as injector,
        a_pixel_service(folder, Protection(), api_keys=keys) as pixel,
    ):
        yield injector, pixel.grpc


@contextlib.asynccontextmanager
async def methods(folder: Path) -> AsyncIterator[list[tuple[grpc.aio.Channel, MethodDescriptor]]]:
    """Run both services; yields each RPC with a channel to its service."""
    async with (
        guarded(folder) as (injector, pixel),
        grpc.aio.insecure_channel(injector) as to_injector,
        grpc.aio.insecure_channel(pixel) as to_pixel,
    ):
        yield [
            (channel, method)
            for channel, files in ((to_injector, INJECTOR), (to_pixel, PIXEL))
            for method in methods_of(files)
        ]


def methods_of(files: tuple[Any, ...]) -> Iterator[MethodDescriptor]:
    for file in files:
        for service in file.DESCRIPTOR.services_by_name.values():
            yield from service.methods


async def code_of(
    channel: grpc.aio.Channel, method: MethodDescriptor, metadata: Metadata
) -> grpc.StatusCode:
    """Return what a call with an empty request ends with, or OK once it streams."""
    name = f"/{method.containing_service.full_name}/{method.name}"
    start: Any
    try:
        if method.server_streaming:
            start = channel.unary_stream(name)
            call = start(b"", metadata=metadata)
            await call.read()
            call.cancel()
        else:
            start = channel.unary_unary(name)
            await start(b"", metadata=metadata)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


@pytest.mark.guarantee(
    "G8", "Where API keys are asked for, no call but health is answered without one"
)
async def test_no_call_is_answered_without_a_key(tmp_path: Path) -> None:
    """Every RPC of both services is refused, and health alone answers."""
    a_key(tmp_path / "api_keys", Role.ADMIN)
    async with methods(tmp_path) as found:
        codes = {await code_of(channel, method, ()) for channel, method in found}
        for channel in {channel for channel, _ in found}:
            health: Any = channel.unary_unary("/grpc.health.v1.Health/Check")
            assert await health(b"") == b"\x08\x01"

    assert codes == {grpc.StatusCode.UNAUTHENTICATED}


@pytest.mark.guarantee("G8", "that allows it")
async def test_each_role_gets_what_the_table_allows(tmp_path: Path) -> None:
    """A role's key is let through where the table has it, and refused everywhere else."""
    keys = {role: bearer(a_key(tmp_path / "api_keys", role)[1]) for role in Role}
    async with methods(tmp_path) as found:
        for channel, method in found:
            name = f"{method.containing_service.full_name}/{method.name}"
            for role, metadata in keys.items():
                code = await code_of(channel, method, metadata)

                if role in ROLES[name]:
                    assert code not in (*REFUSED, grpc.StatusCode.INTERNAL), (name, role)
                else:
                    assert code is grpc.StatusCode.PERMISSION_DENIED, (name, role)


async def run(program: str, *arguments: str, **environment: str) -> tuple[int, bytes]:
    """Run a command; return its exit status and errors."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name(program),
        *arguments,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    return process.returncode or 0, errors


async def test_each_service_sees_that_a_key_was_revoked(tmp_path: Path) -> None:
    """While it runs: its calls are refused from then on."""
    file = tmp_path / "api_keys"
    key_id, text = a_key(file, Role.ADMIN)
    key = bearer(text)
    async with methods(tmp_path) as found:
        first = {channel: (channel, method) for channel, method in found}.values()
        before = [await code_of(channel, method, key) for channel, method in first]
        remove_key(file, key_id)
        for channel, method in first:
            while await code_of(channel, method, key) is not grpc.StatusCode.UNAUTHENTICATED:
                pass

    assert grpc.StatusCode.UNAUTHENTICATED not in before


async def test_commands_call_with_the_key_of_a_file(tmp_path: Path) -> None:
    """By option or by variable; without one they say in a line what is missing."""
    file = tmp_path / "key"
    file.write_text(a_key(tmp_path / "api_keys", Role.ADMIN)[1])
    async with guarded(tmp_path) as (injector, pixel):
        by_option = await run(
            "injector-service",
            "configurations",
            "list",
            f"--target={injector}",
            f"--api-key-file={file}",
        )
        by_variable = await run(
            "pixel-service",
            "stream",
            f"--target={pixel}",
            "--from=earliest",
            "--stop-at-head",
            EMAILOPENS_API_KEY_FILE=str(file),
        )
        status, said = await run("pixel-service", "log", "stats", f"--target={pixel}")

    assert (by_option, by_variable[0]) == ((0, b""), 0)
    assert status == 1
    assert b"UNAUTHENTICATED" in said
    assert b"API_KEY_MISSING" in said
    assert said.count(b"\n") == 1
