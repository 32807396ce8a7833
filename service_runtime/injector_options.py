"""The options of `serve` that say how the injector service is called."""

from pathlib import Path
from typing import Final

import click

from service_runtime.serve_options import ACCESS, Decorator, Option, all_of

_FILES: Final = {
    "injector-ca": "Who signs the injector's certificate, if not a public authority.",
    "injector-client-certificate": "The certificate to show it, with its chain.",
    "injector-client-key": "Its key, if that is not in the certificate's file.",
    "injector-api-key-file": "The file with the API key to call it with.",
}


def injector_access_options(option: Option) -> Decorator:
    """Declare how the injector is called."""
    return all_of(
        option("injector-tls", section=ACCESS, is_flag=True, help="Call the injector by TLS."),
        *(
            option(
                name,
                section=ACCESS,
                type=click.Path(path_type=Path, dir_okay=False),
                show_default=False,
                help=help_,
            )
            for name, help_ in _FILES.items()
        ),
    )
