"""The options of `pixel-service serve` for statistics."""

from typing import Final

import click

from pixel_service.settings import Settings
from service_runtime.serve_options import Decorator, Option, all_of
from service_runtime.spans import DAY, Span

_STATISTICS: Final = "Statistics"
_DEFAULTS: Final = Settings()


def statistics_options(option: Option) -> Decorator:
    """Declare what is counted, and how long."""
    return all_of(
        option(
            "statistics-retention-days",
            section=_STATISTICS,
            type=Span(DAY, min_open=True),
            metavar="DAYS",
            default=_DEFAULTS.statistics_retention / DAY,
            help="Counts of days that are older are removed; those of hours after 35 days.",
        ),
        option(
            "min-group-size",
            section=_STATISTICS,
            type=click.IntRange(min=1),
            metavar="COUNT",
            default=_DEFAULTS.min_group_size,
            help="What has fewer messages or, if they are not known, opens is not told apart.",
        ),
    )
