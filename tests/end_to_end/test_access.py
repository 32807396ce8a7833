"""Nobody calls either service without a key that allows it: all calls, all roles, all commands."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import CliRunner
from google.protobuf.descriptor import MethodDescriptor

from emailopens.injector.v1 import configuration_service_pb2, injector_service_pb2
from emailopens.pixel.v1 import operation_service_pb2, pixel_service_pb2, subscription_service_pb2
from examples.pair import Pair, pair_on_free_ports, running_pair
from injector_service.cli.main import commands as injector_commands
from pixel_service.cli.main import commands as pixel_commands
from service_runtime.callers import Role
from service_runtime.permissions import ROLES
from tests.fixtures.api_keys import a_key, bearer

INJECTOR = (configuration_service_pb2, injector_service_pb2)
PIXEL = (operation_service_pb2, pixel_service_pb2, subscription_service_pb2)
REFUSED = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)

PROGRAMS = {"injector-service": injector_commands, "pixel-service": pixel_commands}

# A call of each command that calls.
COMMANDS = (
    ("injector-service", "configurations", "create", "news"),
    ("injector-service", "configurations", "get", "news"),
    ("injector-service", "configurations", "list"),
    ("injector-service", "configurations", "update", "--display-name=News", "news"),
    ("injector-service", "rewrite", "--configuration=news"),
    ("injector-service", "configurations", "delete", "news"),
    ("pixel-service", "subscriptions", "create", "crm"),
    ("pixel-service", "subscriptions", "list"),
    ("pixel-service", "subscriptions", "seek", "--to=earliest", "crm"),
    ("pixel-service", "stream", "--from=earliest", "--stop-at-head", "--no-wait"),
    ("pixel-service", "subscriptions", "delete", "crm"),
    ("pixel-service", "opens", "list"),
    ("pixel-service", "opens", "erase", "--recipient=zofia@example.org"),
    ("pixel-service", "log", "stats"),
    ("pixel-service", "log", "counts"),
    ("pixel-service", "log", "trim", "--older-than-days=1", "--yes"),
)
MESSAGE = b"From: a@example.com\r\nTo: b@example.org\r\nContent-Type: text/html\r\n\r\n<p>Hello\r\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("access")


@pytest.fixture(scope="module")
def keys(folder: Path) -> Mapping[Role, str]:
    """A key for each role."""
    return {role: a_key(folder / "api_keys", role)[1] for role in Role}


@pytest.fixture(scope="module")
def guarded(folder: Path, keys: Mapping[Role, str]) -> Iterator[Pair]:
    """Both services, with one file of keys."""
    assert keys
    with pytest.MonkeyPatch.context() as environment:
        for name in ("INJECTOR", "PIXEL"):
            environment.setenv(f"EMAILOPENS_{name}_API_KEYS", str(folder / "api_keys"))
        with running_pair(pair_on_free_ports(), data=folder / "data") as addresses:
            yield addresses


def methods(files: tuple[Any, ...]) -> Iterator[MethodDescriptor]:
    for file in files:
        for service in file.DESCRIPTOR.services_by_name.values():
            yield from service.methods


def code_of(
    channel: grpc.Channel, method: MethodDescriptor, metadata: tuple[tuple[str, str], ...]
) -> grpc.StatusCode:
    """Return what a call with an empty request ends with, or OK once it streams."""
    name = f"/{method.containing_service.full_name}/{method.name}"
    try:
        if method.server_streaming:
            stream: Any = channel.unary_stream(name)
            responses = stream(b"", metadata=metadata, timeout=30)
            next(responses, None)
            responses.cancel()
        else:
            unary: Any = channel.unary_unary(name)
            unary(b"", metadata=metadata, timeout=30)
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    return grpc.StatusCode.OK


@pytest.mark.guarantee(
    "G8", "Where API keys are asked for, no call but health is answered without one"
)
def test_no_call_is_answered_without_a_key(guarded: Pair) -> None:
    """Every RPC of both services is refused, and health alone answers."""
    for target, files in ((guarded.injector, INJECTOR), (guarded.pixel, PIXEL)):
        with grpc.insecure_channel(target) as channel:
            codes = {code_of(channel, method, ()) for method in methods(files)}
            health: Any = channel.unary_unary("/grpc.health.v1.Health/Check")

            assert codes == {grpc.StatusCode.UNAUTHENTICATED}
            assert health(b"", timeout=30) == b"\x08\x01"


@pytest.mark.guarantee("G8", "that allows it")
@pytest.mark.parametrize("role", Role)
def test_each_role_gets_what_the_table_allows(
    guarded: Pair, keys: Mapping[Role, str], role: Role
) -> None:
    """A role's key is let through where the table has it, and refused everywhere else."""
    for target, files in ((guarded.injector, INJECTOR), (guarded.pixel, PIXEL)):
        with grpc.insecure_channel(target) as channel:
            for method in methods(files):
                name = f"{method.containing_service.full_name}/{method.name}"
                code = code_of(channel, method, bearer(keys[role]))

                if role in ROLES[name]:
                    assert code not in (*REFUSED, grpc.StatusCode.INTERNAL), name
                else:
                    assert code is grpc.StatusCode.PERMISSION_DENIED, name


def with_target(guarded: Pair, command: tuple[str, ...]) -> list[str]:
    """Return what calls the command's service, without its program."""
    is_injector = command[0] == "injector-service"
    return [*command[1:], f"--target={guarded.injector if is_injector else guarded.pixel}"]


def test_every_command_that_calls_takes_a_key(
    guarded: Pair, keys: Mapping[Role, str], tmp_path: Path
) -> None:
    """With the file of a key each command does its work."""
    file = tmp_path / "key"
    file.write_text(keys[Role.ADMIN])
    for command in COMMANDS:
        arguments = [*with_target(guarded, command), f"--api-key-file={file}"]
        done = CliRunner().invoke(PROGRAMS[command[0]], arguments, input=MESSAGE)
        assert done.exit_code == 0, (command, done.output, done.exception)


def test_a_command_without_a_key_says_so(guarded: Pair) -> None:
    """In one line, with the reason, and status 1."""
    command = ("pixel-service", "log", "stats")
    done = subprocess.run(  # noqa: S603 - our own program
        [Path(sys.executable).with_name(command[0]), *with_target(guarded, command)],
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 1
    assert b"UNAUTHENTICATED" in done.stderr
    assert b"API_KEY_MISSING" in done.stderr
    assert done.stderr.count(b"\n") == 1
