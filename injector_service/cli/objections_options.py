"""The options of `injector-service serve` for recipients who have objected."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from emailopens_client.targets import is_target
from injector_service.pixel_service import PixelService
from service_runtime.calling_options import calling_options
from service_runtime.serve_options import Decorator, Option, all_of

_OBJECTIONS: Final = "Objections"


def objections_options(option: Option) -> Decorator:
    """Declare who says which recipients have objected; the command gets *pixel_service*."""
    return all_of(
        option(
            "pixel-service",
            section=_OBJECTIONS,
            metavar="HOST[:PORT]",
            show_default="none: recipients who have objected get pixels",
            help="The pixel service that says which recipients have objected to being tracked.",
        ),
        calling_options(option, "pixel-service", called="pixel service"),
        _with_pixel_service,
    )


def _with_pixel_service(command: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(command)
    def with_pixel_service(
        *,
        pixel_service: str | None,
        pixel_service_tls: bool,
        pixel_service_ca: Path | None,
        pixel_service_client_certificate: Path | None,
        pixel_service_client_key: Path | None,
        pixel_service_api_key_file: Path | None,
        **others: Any,  # noqa: ANN401 - click's
    ) -> object:
        if pixel_service and not is_target(pixel_service):
            raise click.UsageError(f"--pixel-service: {pixel_service!r} is not HOST or HOST:PORT")
        if pixel_service_client_key is not None and pixel_service_client_certificate is None:
            raise click.UsageError(
                "--pixel-service-client-key needs --pixel-service-client-certificate"
            )
        called = PixelService(
            target=pixel_service or "",
            tls=pixel_service_tls,
            ca=pixel_service_ca,
            client_certificate=pixel_service_client_certificate,
            client_key=pixel_service_client_key,
            api_key_file=pixel_service_api_key_file,
        )
        if called != PixelService(target="") and not pixel_service:
            raise click.UsageError(
                "how a pixel service is called is said, but not where: --pixel-service"
            )
        return command(pixel_service=called if pixel_service else None, **others)

    return with_pixel_service
