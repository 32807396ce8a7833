"""The options of `pixel-service serve` for statistics."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from pixel_service.injectors import Injectors
from pixel_service.settings import Settings
from service_runtime.calling_options import calling_options
from service_runtime.serve_options import Decorator, Option, all_of
from service_runtime.spans import DAY, Span

_STATISTICS: Final = "Statistics"
_DEFAULTS: Final = Settings()


def statistics_options(option: Option) -> Decorator:
    """Declare what is counted, and how long; the command gets *injectors*, too."""
    return all_of(
        option(
            "injector",
            section=_STATISTICS,
            multiple=True,
            metavar="HOST[:PORT]",
            show_default="none: only opens are counted",
            help="An injector service that says how many messages it tracked; may be repeated.",
        ),
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
        calling_options(option, "injector", called="injector"),
        _with_injectors,
    )


def _with_injectors(command: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(command)
    def with_injectors(
        *,
        injector: tuple[str, ...],
        injector_tls: bool,
        injector_ca: Path | None,
        injector_client_certificate: Path | None,
        injector_client_key: Path | None,
        injector_api_key_file: Path | None,
        **others: Any,  # noqa: ANN401 - click's
    ) -> object:
        if injector_client_key is not None and injector_client_certificate is None:
            raise click.UsageError("--injector-client-key needs --injector-client-certificate")
        injectors = Injectors(
            targets=injector,
            tls=injector_tls,
            ca=injector_ca,
            client_certificate=injector_client_certificate,
            client_key=injector_client_key,
            api_key_file=injector_api_key_file,
        )
        if injectors != Injectors() and not injector:
            raise click.UsageError("how an injector is called is said, but not where: --injector")
        return command(injectors=injectors, **others)

    return with_injectors
