"""The options of `serve` that both services have, each with its environment variable."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from service_runtime.drain import DEFAULT_GRACE
from service_runtime.environment import refuse_unknown_variables
from service_runtime.listen import ListenError, is_unix, split_address
from service_runtime.spans import SECOND, Span

Decorator = Callable[[Any], Any]
Option = Callable[..., Decorator]

# The parts of the help, in the order in which both programs have them.
ADDRESSES: Final = "Addresses"
DATA: Final = "Data and keys"
ACCESS: Final = "Access"
LIMITS: Final = "Limits"
PROCESS: Final = "Process"


class _SectionOption(click.Option):
    """An option that belongs to a section of its command's help."""

    def __init__(self, *names: Any, section: str, **attributes: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(*names, **attributes)
        self.section = section


class ServeCommand(click.Command):
    """`serve`: its help has the options by section, and a misspelt variable stops it."""

    def __init__(self, *names: Any, prefix: str, **attributes: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(*names, **attributes)
        self._prefix = prefix

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own
        """Run the command unless the environment says something that nobody reads."""
        # The other commands of the program read where the service is.
        known = {f"{self._prefix}_TARGET"}
        known.update(str(each.envvar) for each in self.params if each.envvar is not None)
        refuse_unknown_variables(f"{self._prefix}_", known)
        return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, those of a section together."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                section = getattr(parameter, "section", "Other")
                sections.setdefault(section, []).append(record)
        for name, records in sections.items():
            with formatter.section(name):
                formatter.write_dl(records)


def _address(_context: click.Context, parameter: click.Parameter, given: str | None) -> str | None:
    """Return *given* if it is an address: looked at before any port is bound."""
    try:
        if given is not None and not (parameter.name == "grpc" and is_unix(given)):
            split_address(given)
    except ListenError as error:
        raise click.BadParameter(str(error)) from None
    return given


def options_of(prefix: str) -> Option:
    """Return what declares options whose environment variables begin with *prefix*."""

    def option(name: str, *, section: str, **attributes: Any) -> Decorator:  # noqa: ANN401 - click's own
        return click.option(
            f"--{name}",
            cls=_SectionOption,
            section=section,
            envvar=f"{prefix}_{name.upper().replace('-', '_')}",
            show_envvar=True,
            **{"show_default": True, **attributes},
        )

    return option


def address_option(option: Option, name: str, **attributes: Any) -> Decorator:  # noqa: ANN401 - click's own
    """Declare where the service listens."""
    return option(name, section=ADDRESSES, callback=_address, metavar="HOST:PORT", **attributes)


def key_ring_options(option: Option) -> Decorator:
    """Declare how the key ring is given: as a file, or itself."""
    return all_of(
        option(
            "token-keys-file",
            section=DATA,
            type=click.Path(path_type=Path, dir_okay=False),
            show_default="token_keys in the data folder, made when missing",
            help="The key ring.",
        ),
        option(
            "token-keys",
            section=DATA,
            metavar="KEYS",
            help="The key ring itself; meant for the environment.",
        ),
    )


def access_options(option: Option) -> Decorator:
    """Declare who may call."""
    return all_of(
        option(
            "api-keys",
            section=ACCESS,
            type=click.Path(path_type=Path, dir_okay=False),
            show_default="none: whoever gets there may call",
            help="File of the API keys without which no call is answered.",
        ),
        option(
            "no-reflection",
            section=ACCESS,
            is_flag=True,
            help="Do not tell clients what can be called.",
        ),
    )


def process_options(option: Option) -> Decorator:
    """Declare how the process ends and what it says."""
    return all_of(
        option(
            "grace",
            section=PROCESS,
            type=Span(SECOND),
            metavar="SECONDS",
            default=DEFAULT_GRACE.total_seconds(),
            help="How long running work may go on when the service is told to stop.",
        ),
        option(
            "log-level",
            section=PROCESS,
            type=click.Choice(_LEVELS, case_sensitive=False),
            default="info",
            help="The least severe events that are logged.",
        ),
        option(
            "log-format",
            section=PROCESS,
            type=click.Choice(["text", "json"]),
            default="text",
            help="text for people, json for collectors.",
        ),
    )


_LEVELS: Final = ("debug", "info", "warning", "error")


def all_of(*decorators: Decorator) -> Decorator:
    """Apply *decorators* as if they stood one above the other."""

    def decorate(command: Any) -> Any:  # noqa: ANN401 - click's own
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate
