"""The options of `mail-bridge serve`, each with its environment variable."""

import datetime as dt
import enum
import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from emailopens_client.targets import with_port
from mail_bridge.front import Network
from mail_bridge.settings import Settings
from service_runtime.listen import split_address
from service_runtime.protection_options import insecure_options, tls_options
from service_runtime.serve_options import (
    ACCESS,
    ADDRESSES,
    LIMITS,
    Decorator,
    address_option,
    options_of,
    process_options,
)
from service_runtime.spans import SECOND, Span

PREFIX: Final = "EMAILOPENS_BRIDGE"

option: Final = options_of(PREFIX)

_DEFAULTS: Final = Settings()
_MAIL: Final = "Mail"
_TRACKING: Final = "Tracking"
_FILE: Final = click.Path(path_type=Path, dir_okay=False)

# It is said in commands and answers, which end at a blank or a line end.
_NAME: Final = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}+")

# Clients wait for 10 minutes, of which the next hop has nine.
_LONGEST_DEADLINE: Final = 25 * SECOND
_LONGEST_TIMEOUT: Final = 500 * SECOND
_LONGEST_IDLE: Final = 3_600 * SECOND
_SHORTEST: Final = 0.01 * SECOND

# What Python can hold several times over on a small machine.
_MOST_MESSAGE_OCTETS: Final = 256 * 1024 * 1024

# One call of the injector takes so many.
_MOST_RECIPIENTS: Final = 1_000


def all_options(command: Any) -> Any:  # noqa: ANN401 - click's own
    """Declare them all."""
    options = [
        *address_options(),
        *mail_options(),
        *tracking_options(),
        *injector_access_options(),
        *next_hop_access_options(),
        *tls_options(option, "tls", "mail", asks_clients=True),
        *tls_options(option, "admin-tls", "health and metrics", asks_clients=True),
        *insecure_options(option),
        *limit_options(),
        process_options(option),
    ]
    for each in reversed(options):
        command = each(command)
    return command


def address_options() -> list[Decorator]:
    """Return where mail comes in, where it goes, and who is asked."""
    default = _DEFAULTS.next_hop
    return [
        address_option(
            option, "listen", default=_DEFAULTS.front.listen, help="Where mail comes in."
        ),
        address_option(
            option,
            "next-hop",
            default=f"{default.host}:{default.port}",
            help="Where it goes on to.",
        ),
        option(
            "injector",
            section=ADDRESSES,
            default=_DEFAULTS.tracking.injector,
            callback=lambda _context, _parameter, given: with_port(given, _injector_port()),
            metavar="HOST[:PORT]",
            help="The injector service, which makes the pixels.",
        ),
        option(
            "filter-socket",
            section=ADDRESSES,
            type=_FILE,
            show_default="nowhere",
            metavar="PATH",
            help="The Unix socket where `mail-bridge filter` is answered.",
        ),
        address_option(
            option, "admin", show_default="nowhere", help="Where health and metrics are served."
        ),
    ]


def mail_options() -> list[Decorator]:
    """Return what is spoken in front and behind."""
    front, next_hop = _DEFAULTS.front, _DEFAULTS.next_hop
    return [
        _choice("protocol", front.protocol, "What clients speak."),
        _choice(
            "several-recipients",
            front.several_recipients,
            "In SMTP, for recipients after the first: have the client send again for each, or pass"
            " the message untracked.",
        ),
        _choice("next-hop-protocol", next_hop.protocol, "What the next hop speaks."),
        option(
            "hostname",
            section=_MAIL,
            callback=_name,
            metavar="NAME",
            show_default="the machine's",
            help="What the bridge calls itself, to clients and to the next hop.",
        ),
        option(
            "xforward-clients",
            section=_MAIL,
            multiple=True,
            callback=_networks,
            metavar="NETWORK",
            default=[str(each) for each in front.xforward_clients],
            help="Who may say by XFORWARD where mail came from; may be repeated.",
        ),
    ]


def tracking_options() -> list[Decorator]:
    """Return what is tracked, and what happens when it cannot be."""
    default = _DEFAULTS.tracking
    return [
        option(
            "configuration",
            section=_TRACKING,
            multiple=True,
            metavar="ID",
            show_default="none: such mail passes untouched",
            help="What applies to mail for which neither a header field nor the sender names a"
            " configuration; may be repeated.",
        ),
        option(
            "injector-deadline",
            section=_TRACKING,
            type=Span(SECOND, shortest=_SHORTEST, longest=_LONGEST_DEADLINE),
            metavar="SECONDS",
            default=default.deadline_seconds,
            help="How long a message waits for the injector.",
        ),
        _choice(
            "when-untracked",
            default.when_untracked,
            "When the injector is away, late or fails: pass mail untracked, or defer it.",
            section=_TRACKING,
        ),
    ]


def limit_options() -> list[Decorator]:
    """Return how much is taken at once, and how long things may take."""
    limits, next_hop = _DEFAULTS.front.limits, _DEFAULTS.next_hop
    return [
        _count("max-connections", limits.max_connections, "Clients at once."),
        _count(
            "max-connections-of-address",
            limits.max_connections_of_address,
            "The same, from one address.",
        ),
        _count(
            "max-message-octets",
            limits.max_message_octets,
            "The largest message that is taken.",
            most=_MOST_MESSAGE_OCTETS,
        ),
        _count(
            "max-recipients",
            limits.max_recipients,
            "Recipients of one message.",
            most=_MOST_RECIPIENTS,
        ),
        _count(
            "max-held-octets",
            limits.max_held_octets,
            "Octets of all messages that are on their way; each is held up to three times.",
        ),
        _count(
            "next-hop-connections",
            next_hop.connections,
            "Connections to the next hop at once; one message uses half of them.",
        ),
        _seconds(
            "next-hop-timeout",
            next_hop.timeout_seconds,
            "How long the next hop may take for an answer before a message has ended.",
            longest=_LONGEST_TIMEOUT,
        ),
        _seconds(
            "next-hop-idle",
            next_hop.idle_seconds,
            "How long a connection to the next hop is kept for the next message.",
            longest=_LONGEST_IDLE,
        ),
    ]


def injector_access_options() -> list[Decorator]:
    """Return how the injector is called."""
    return [
        option("injector-tls", section=ACCESS, is_flag=True, help="Call the injector by TLS."),
        _file("injector-ca", "Who signs the injector's certificate, if not a public authority."),
        _file("injector-client-certificate", "The certificate to show it, with its chain."),
        _file("injector-client-key", "Its key, if that is not in the certificate's file."),
        _file("injector-api-key-file", "The file with the API key to call it with."),
    ]


def next_hop_access_options() -> list[Decorator]:
    """Return how mail is protected on its way to the next hop."""
    return [
        _choice(
            "next-hop-tls",
            _DEFAULTS.next_hop.tls,
            "STARTTLS to the next hop: never, where it is announced, or always and with a"
            " certificate that is looked at.",
            section=ACCESS,
        ),
        _file("next-hop-ca", "Who signs the next hop's certificate, if not a public authority."),
        option(
            "require-tls",
            section=ACCESS,
            is_flag=True,
            help="Take mail from clients after STARTTLS only.",
        ),
    ]


def _name(_context: click.Context, _parameter: click.Parameter, given: str | None) -> str | None:
    if given is not None and _NAME.fullmatch(given) is None:
        raise click.BadParameter(f"{given!r} is no name of a machine, such as mail.example.org")
    return given


def _injector_port() -> int:
    return split_address(_DEFAULTS.tracking.injector)[1]


def _choice(name: str, default: enum.StrEnum, help_: str, *, section: str = _MAIL) -> Decorator:
    values = type(default)
    return option(
        name,
        section=section,
        type=click.Choice([each.value for each in values]),
        callback=lambda _context, _parameter, given: values(given),
        default=default.value,
        help=help_,
    )


def _count(name: str, default: int, help_: str, *, most: int | None = None) -> Decorator:
    return option(
        name,
        section=LIMITS,
        type=click.IntRange(min=1, max=most),
        metavar="COUNT",
        default=default,
        help=help_,
    )


def _seconds(name: str, default: float, help_: str, *, longest: dt.timedelta) -> Decorator:
    return option(
        name,
        section=LIMITS,
        type=Span(SECOND, shortest=_SHORTEST, longest=longest),
        metavar="SECONDS",
        default=default,
        help=help_,
    )


def _file(name: str, help_: str) -> Decorator:
    return option(name, section=ACCESS, type=_FILE, show_default=False, help=help_)


def _networks(
    _context: click.Context, _parameter: click.Parameter, given: Sequence[str]
) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(each) for each in given)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
