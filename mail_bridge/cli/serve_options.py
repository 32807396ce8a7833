"""The options of `mail-bridge serve`, each with its environment variable."""

from typing import Any, Final

from emailopens_client.targets import with_port
from mail_bridge.cli.option_kinds import (
    FILE,
    SHORTEST,
    choice_option,
    count_option,
    file_option,
    name_given,
    networks_given,
    option,
    seconds_option,
)
from mail_bridge.settings import Settings
from service_runtime.calling_options import calling_options
from service_runtime.listen import split_address
from service_runtime.protection_options import insecure_options, tls_options
from service_runtime.serve_options import (
    ACCESS,
    ADDRESSES,
    Decorator,
    address_option,
    process_options,
)
from service_runtime.spans import SECOND, Span

_DEFAULTS: Final = Settings()
_MAIL: Final = "Mail"
_TRACKING: Final = "Tracking"

# Clients wait for 10 minutes, of which the next hop has nine.
_LONGEST_DEADLINE: Final = 25 * SECOND
_LONGEST_TIMEOUT: Final = 500 * SECOND
_LONGEST_IDLE: Final = 3_600 * SECOND

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
        calling_options(option, "injector", called="injector"),
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
            type=FILE,
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
        choice_option("protocol", front.protocol, "What clients speak.", section=_MAIL),
        choice_option(
            "several-recipients",
            front.several_recipients,
            "In SMTP, for recipients after the first: have the client send again for each, or pass"
            " the message untracked.",
            section=_MAIL,
        ),
        choice_option(
            "next-hop-protocol", next_hop.protocol, "What the next hop speaks.", section=_MAIL
        ),
        option(
            "hostname",
            section=_MAIL,
            callback=name_given,
            metavar="NAME",
            show_default="the machine's",
            help="What the bridge calls itself, to clients and to the next hop.",
        ),
        option(
            "xforward-clients",
            section=_MAIL,
            multiple=True,
            callback=networks_given,
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
            type=Span(SECOND, shortest=SHORTEST, longest=_LONGEST_DEADLINE),
            metavar="SECONDS",
            default=default.deadline_seconds,
            help="How long a message waits for the injector.",
        ),
        choice_option(
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
        count_option("max-connections", limits.max_connections, "Clients at once."),
        count_option(
            "max-connections-of-address",
            limits.max_connections_of_address,
            "The same, from one address.",
        ),
        count_option(
            "max-message-octets",
            limits.max_message_octets,
            "The largest message that is taken.",
            most=_MOST_MESSAGE_OCTETS,
        ),
        count_option(
            "max-recipients",
            limits.max_recipients,
            "Recipients of one message.",
            most=_MOST_RECIPIENTS,
        ),
        count_option(
            "max-held-octets",
            limits.max_held_octets,
            "Octets of all messages that are on their way; they take up to five times the memory.",
        ),
        count_option(
            "next-hop-connections",
            next_hop.connections,
            "Connections to the next hop at once; one message uses half of them.",
        ),
        seconds_option(
            "next-hop-timeout",
            next_hop.timeout_seconds,
            "How long the next hop may take for an answer before a message has ended.",
            longest=_LONGEST_TIMEOUT,
        ),
        seconds_option(
            "next-hop-idle",
            next_hop.idle_seconds,
            "How long a connection to the next hop is kept for the next message.",
            longest=_LONGEST_IDLE,
        ),
    ]


def next_hop_access_options() -> list[Decorator]:
    """Return how mail is protected on its way to the next hop."""
    return [
        choice_option(
            "next-hop-tls",
            _DEFAULTS.next_hop.tls,
            "STARTTLS to the next hop: never, where it is announced, or always and with a"
            " certificate that is looked at.",
            section=ACCESS,
        ),
        file_option(
            "next-hop-ca", "Who signs the next hop's certificate, if not a public authority."
        ),
        option(
            "require-tls",
            section=ACCESS,
            is_flag=True,
            help="Take mail from clients after STARTTLS only.",
        ),
    ]


def _injector_port() -> int:
    return split_address(_DEFAULTS.tracking.injector)[1]
