"""The options of `serve` that say how another service is called."""

from pathlib import Path
from typing import Final

import click

from service_runtime.serve_options import ACCESS, Decorator, Option, all_of

_FILES: Final = {
    "ca": "Who signs the {called}'s certificate, if not a public authority.",
    "client-certificate": "The certificate to show it, with its chain.",
    "client-key": "Its key, if that is not in the certificate's file.",
    "api-key-file": "The file with the API key to call it with.",
}


def calling_options(option: Option, name: str, *, called: str) -> Decorator:
    """Declare how the service is *called*, by options that begin with its *name*."""
    return all_of(
        option(f"{name}-tls", section=ACCESS, is_flag=True, help=f"Call the {called} by TLS."),
        *(
            option(
                f"{name}-{file}",
                section=ACCESS,
                type=click.Path(path_type=Path, dir_okay=False),
                show_default=False,
                help=help_.format(called=called),
            )
            for file, help_ in _FILES.items()
        ),
    )
