"""The options of `serve` that both services have, each with its environment variable."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from service_runtime.drain import DEFAULT_GRACE

Decorator = Callable[[Any], Any]
Option = Callable[..., Decorator]


def options_of(prefix: str) -> Option:
    """Return what declares options whose environment variables begin with *prefix*."""

    def option(name: str, **attributes: Any) -> Decorator:  # noqa: ANN401 - click's own
        variable = f"{prefix}_{name.upper().replace('-', '_')}"
        return click.option(f"--{name}", envvar=variable, show_envvar=True, **attributes)

    return option


def key_ring_options(option: Option) -> Decorator:
    """Declare where the key ring is: see `key_ring.load_key_ring`."""
    return _all(
        option(
            "token-keys-file",
            type=click.Path(path_type=Path, dir_okay=False),
            help="The key ring.  [default: token_keys in the data folder, made when missing]",
        ),
        option("token-keys", help="The key ring itself; meant for the environment."),
    )


def process_options(option: Option) -> Decorator:
    """Declare how the process ends and what it says."""
    return _all(
        option(
            "grace",
            type=click.FloatRange(min=0),
            default=DEFAULT_GRACE.total_seconds(),
            show_default=True,
            help="Seconds that running work has when the service is told to stop.",
        ),
        option(
            "log-level",
            type=click.Choice(_LEVELS, case_sensitive=False),
            default="INFO",
            show_default=True,
            help="The least severe events that are logged.",
        ),
        option(
            "log-format",
            type=click.Choice(["text", "json"]),
            default="text",
            show_default=True,
            help="text for people, json for collectors.",
        ),
    )


_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")


def _all(*decorators: Decorator) -> Decorator:
    """Apply *decorators* as if they stood one above the other."""

    def decorate(command: Any) -> Any:  # noqa: ANN401 - click's own
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate
