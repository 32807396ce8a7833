"""What the options of `mail-bridge serve` mean."""

import datetime as dt
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from emailopens_client.api_keys import ApiKeyFile
from emailopens_client.channels import Tls
from mail_bridge.delivery import TrackingSettings
from mail_bridge.front import FrontProtocol, FrontSettings, Limits, SeveralRecipients
from mail_bridge.next_hop import NextHopProtocol, NextHopServer
from mail_bridge.settings import Settings
from service_runtime.listen import split_address
from service_runtime.protection import Protection
from service_runtime.protection_options import take_tls_files

Options = Mapping[str, Any]


def settings_of(given: Options) -> Settings:
    """Return the settings that were given as options.

    Raises:
        click.UsageError: some do not belong together.
    """
    options = dict(given)
    mail_tls, admin_tls = take_tls_files("tls", options), take_tls_files("admin-tls", options)
    if options["require_tls"] and mail_tls is None:
        raise click.UsageError("--require-tls needs --tls-certificate and --tls-key")
    _check_answers(options)
    if options["max_held_octets"] < options["max_message_octets"]:
        # Such a message would be deferred for ever.
        raise click.UsageError("--max-held-octets must not be less than --max-message-octets")
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


def _check_answers(options: Options) -> None:
    """Go on if one answer for all recipients can be a true one.

    By LMTP some recipients may have a message that others do not get, and the client, who hears
    of one answer, sends it again to all.
    """
    shares_an_answer = (
        options["protocol"] is FrontProtocol.SMTP
        and options["several_recipients"] is SeveralRecipients.PASS
    )
    if shares_an_answer and options["next_hop_protocol"] is NextHopProtocol.LMTP:
        raise click.UsageError("--several-recipients pass needs --next-hop-protocol smtp")


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
