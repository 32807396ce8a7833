"""The options of `serve` that say how much others may take."""

from typing import Final

import click

from pixel_service.settings import Settings
from service_runtime.serve_options import LIMITS, Decorator, Option, all_of

_DEFAULTS: Final = Settings()


def limit_options(option: Option) -> Decorator:
    """Declare how much others may take."""
    return all_of(
        option(
            "max-connections",
            section=LIMITS,
            type=click.IntRange(min=1),
            metavar="COUNT",
            default=_DEFAULTS.max_connections,
            help="Connections of mail clients at once, to one process.",
        ),
        option(
            "max-connections-of-network",
            section=LIMITS,
            type=click.IntRange(min=1),
            metavar="COUNT",
            default=_DEFAULTS.max_connections_of_network,
            help="Of those, from one address (IPv6: one /64) that is no trusted proxy.",
        ),
        option(
            "max-streams",
            section=LIMITS,
            type=click.IntRange(min=1),
            metavar="COUNT",
            default=_DEFAULTS.max_streams,
            help="Streams of opens at once.",
        ),
        option(
            "max-streams-of-caller",
            section=LIMITS,
            type=click.IntRange(min=1),
            metavar="COUNT",
            default=_DEFAULTS.max_streams_of_caller,
            help="Of those, to one API key or certificate.",
        ),
        option(
            "webhook-allow-private",
            section=LIMITS,
            is_flag=True,
            help="Let webhooks lead to private and loopback addresses, too.",
        ),
    )
