"""Where a command finds the service that it calls, and how it speaks to it."""

import contextlib
import dataclasses
import functools
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import click
import grpc

from emailopens_client.api_keys import ApiKeyFile, ApiKeyUnusable
from emailopens_client.channels import Tls, TlsFilesUnusable, open_channel
from emailopens_client.targets import with_port
from service_runtime.listen import split_address
from service_runtime.waiting import said_if_silent

# What the operator's tools send and take at most: the injector's largest message,
# 50 MiB by default, and room for whoever raised that.
MAX_MESSAGE_OCTETS: Final = 512 * 1024 * 1024

# Below the server's limits (a ping every 10 s at most), and above what an idle
# channel needs.  What a client can trust is the stream's heartbeat, not a ping.
OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_OCTETS),
    ("grpc.max_send_message_length", MAX_MESSAGE_OCTETS),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
)

Command = Callable[..., Any]

_FILE: Final = click.Path(path_type=Path, dir_okay=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A running service, as the options of a command describe it."""

    address: str
    tls: Tls | None = None
    """None: it is spoken to in the clear."""
    api_key: ApiKeyFile = dataclasses.field(default_factory=ApiKeyFile)


@contextlib.asynccontextmanager
async def connect(target: Target) -> AsyncIterator[grpc.aio.Channel]:
    """Open a channel to *target* for the block; say so if the service is long in coming.

    Raises:
        click.ClickException: a file that TLS needs, or the API key, cannot be used.
    """
    opened = open_channel(
        target.address, credentials=target.tls, api_key=target.api_key, options=OPTIONS
    )
    async with contextlib.AsyncExitStack() as stack:
        try:
            channel = await stack.enter_async_context(opened)
        except (TlsFilesUnusable, ApiKeyUnusable) as error:
            raise click.ClickException(str(error)) from error
        # An address that swallows what is sent to it fails after 20 s.
        await stack.enter_async_context(
            said_if_silent(
                f"waiting for the service at {target.address}",
                is_silent=lambda: channel.get_state() is grpc.ChannelConnectivity.CONNECTING,
            )
        )
        yield channel


def target_options(*, default: str, envvar: str, help_: str) -> Callable[[Command], Command]:
    """Return what declares the options of a command that calls; it gets them as *target*.

    Args:
        default: where the service is when nobody says otherwise; its port is also that of
            a target without one.
        envvar: the variable that names the service.
        help_: which service it is.
    """

    def decorate(command: Command) -> Command:
        decorated = _with_target(command)
        for option in reversed(_options(default, envvar, help_)):
            decorated = option(decorated)
        return decorated

    return decorate


def _options(default: str, envvar: str, help_: str) -> Sequence[Callable[[Command], Command]]:
    _, default_port = split_address(default)
    return (
        click.option(
            "--target",
            "address",
            default=default,
            callback=lambda _context, _parameter, value: with_port(value, default_port),
            envvar=envvar,
            show_envvar=True,
            show_default=True,
            metavar="HOST[:PORT]",
            help=help_,
        ),
        click.option(
            "--tls",
            "is_tls",
            is_flag=True,
            envvar="EMAILOPENS_TLS",
            show_envvar=True,
            help="Call by TLS; implied by the certificate options.",
        ),
        _file_option(
            "ca", "Who signs the service's certificate, as PEM, if not a public authority."
        ),
        _file_option("client-certificate", "The certificate to show, as PEM, with its chain."),
        _file_option("client-key", "Its key, if that is not in the certificate's file."),
        _file_option("api-key-file", "The file with the API key to call with."),
        click.option(
            "--insecure-plaintext",
            is_flag=True,
            envvar="EMAILOPENS_INSECURE_PLAINTEXT",
            show_envvar=True,
            help="Let the API key leave this machine without TLS.",
        ),
    )


def _with_target(command: Command) -> Command:
    @functools.wraps(command)
    def with_target(
        *,
        address: str,
        is_tls: bool,
        ca: Path | None,
        client_certificate: Path | None,
        client_key: Path | None,
        api_key_file: Path | None,
        insecure_plaintext: bool,
        **others: object,
    ) -> object:
        if client_key is not None and client_certificate is None:
            raise click.UsageError("--client-key needs --client-certificate")
        tls = Tls(ca=ca, certificate=client_certificate, key=client_key)
        target = Target(
            address=address,
            tls=tls if is_tls or tls != Tls() else None,
            api_key=ApiKeyFile(api_key_file, insecure_plaintext=insecure_plaintext),
        )
        return command(target=target, **others)

    return with_target


def _file_option(name: str, help_: str) -> Callable[[Command], Command]:
    return click.option(
        f"--{name}",
        type=_FILE,
        envvar=f"EMAILOPENS_{name.upper().replace('-', '_')}",
        show_envvar=True,
        help=help_,
    )
