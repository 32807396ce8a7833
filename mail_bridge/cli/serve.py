"""`mail-bridge serve`: from options and environment to settings, and off."""

import datetime as dt
import functools
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import click

from emailopens_client.api_keys import ApiKeyFile, ApiKeyUnusable
from emailopens_client.channels import Tls, TlsFilesUnusable
from mail_bridge.cli.serve_options import PREFIX, all_options
from mail_bridge.delivery import TrackingSettings
from mail_bridge.front import FrontSettings, Limits
from mail_bridge.next_hop import NextHopServer
from mail_bridge.settings import Settings
from service_runtime import process
from service_runtime.allocator import keep_large_blocks
from service_runtime.descriptors import raise_descriptor_limit
from service_runtime.drain import Drain
from service_runtime.garbage import keep_start_up
from service_runtime.listen import split_address
from service_runtime.logging import configure_logging
from service_runtime.protection import Protection
from service_runtime.protection_options import take_tls_files
from service_runtime.serve_options import ServeCommand

Command = Callable[..., Any]
Options = Mapping[str, Any]


@click.command(cls=ServeCommand, prefix=PREFIX)
@all_options
def serve(
    log_level: str,
    log_format: Literal["text", "json"],
    **options: Any,  # noqa: ANN401 - click's
) -> None:
    """Take mail in, put a pixel into each recipient's copy, and pass it on.

    A recipient is answered for when the next hop has answered. Mail that cannot be tracked passes
    as it came. Until SIGTERM or SIGINT, which lets messages on their way end; a second one ends
    them.
    """
    # Here, because options that are wrong need none of it.
    from mail_bridge import server  # noqa: PLC0415 - see above

    configure_logging(level=log_level.upper(), format_=log_format)
    keep_large_blocks()
    raise_descriptor_limit()
    settings = _settings(options)
    run = functools.partial(server.serve, settings, on_ready=lambda _: keep_start_up())
    try:
        process.run(run, drain=Drain(grace=settings.grace))
    except (ApiKeyUnusable, TlsFilesUnusable) as error:
        raise click.ClickException(str(error)) from error


def _settings(given: Options) -> Settings:
    options = dict(given)
    mail_tls, admin_tls = take_tls_files("tls", options), take_tls_files("admin-tls", options)
    if options["require_tls"] and mail_tls is None:
        raise click.UsageError("--require-tls needs --tls-certificate and --tls-key")
    hostname = options["hostname"] or socket.gethostname()
    return Settings(
        front=_front(options, hostname),
        next_hop=_next_hop(options, hostname),
        tracking=_tracking(options),
        filter_socket=options["filter_socket"],
        admin=options["admin"],
        mail_tls=mail_tls,
        protection=Protection(
            admin_tls=admin_tls,
            allows_plaintext=options["insecure_plaintext"],
            allows_no_keys=options["insecure_no_keys"],
        ),
        grace=dt.timedelta(seconds=options["grace"]),
    )


def _front(options: Options, hostname: str) -> FrontSettings:
    return FrontSettings(
        listen=options["listen"],
        protocol=options["protocol"],
        several_recipients=options["several_recipients"],
        limits=Limits(
            max_connections=options["max_connections"],
            max_connections_of_address=options["max_connections_of_address"],
            max_message_octets=options["max_message_octets"],
            max_recipients=options["max_recipients"],
            max_held_octets=options["max_held_octets"],
        ),
        hostname=hostname,
        requires_tls=options["require_tls"],
        xforward_clients=options["xforward_clients"],
    )


def _next_hop(options: Options, hostname: str) -> NextHopServer:
    host, port = split_address(options["next_hop"])
    return NextHopServer(
        host=host,
        port=port,
        protocol=options["next_hop_protocol"],
        tls=options["next_hop_tls"],
        ca=options["next_hop_ca"],
        hello=hostname,
        connections=options["next_hop_connections"],
        timeout_seconds=options["next_hop_timeout"],
        idle_seconds=options["next_hop_idle"],
    )


def _tracking(options: Options) -> TrackingSettings:
    certificate: Path | None = options["injector_client_certificate"]
    key: Path | None = options["injector_client_key"]
    if key is not None and certificate is None:
        raise click.UsageError("--injector-client-key needs --injector-client-certificate")
    tls = Tls(ca=options["injector_ca"], certificate=certificate, key=key)
    return TrackingSettings(
        injector=options["injector"],
        tls=tls if options["injector_tls"] or tls != Tls() else None,
        api_key=ApiKeyFile(
            options["injector_api_key_file"], insecure_plaintext=options["insecure_plaintext"]
        ),
        configuration_ids=options["configuration"],
        deadline_seconds=options["injector_deadline"],
        when_untracked=options["when_untracked"],
    )
