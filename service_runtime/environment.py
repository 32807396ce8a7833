"""Settings from the environment that nobody reads, such as a misspelt one."""

import difflib
import os
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import click

# Kubernetes tells a container of every service: a service `emailopens-pixel` becomes
# EMAILOPENS_PIXEL_PORT, EMAILOPENS_PIXEL_SERVICE_HOST and more, whoever wants it.
_OF_KUBERNETES: Final = re.compile(
    r"(?:.*_)?(?:SERVICE_HOST|SERVICE_PORT(?:_.+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP).*)?)"
)


def refuse_unknown_variables(
    prefix: str, known: Collection[str], environment: Mapping[str, str] = os.environ
) -> None:
    """Check that every variable that starts with *prefix* is one of *known*.

    Raises:
        click.UsageError: one is not.  The text names it and the one it resembles, and
            holds no value: it may be a secret.
    """
    settings = [name.removeprefix(prefix) for name in known]
    given = sorted(name.removeprefix(prefix) for name in environment if name.startswith(prefix))
    unknown = [
        f"{prefix}{name}{_meant(prefix, name, settings)}"
        for name in given
        if name not in settings and _OF_KUBERNETES.fullmatch(name) is None
    ]
    if unknown:
        raise click.UsageError(f"unknown in the environment: {'; '.join(unknown)}")


def _meant(prefix: str, name: str, settings: Sequence[str]) -> str:
    similar = difflib.get_close_matches(name, settings, n=1)
    return f", did you mean {prefix}{similar[0]}?" if similar else ""
