"""What the command lines of both services share: errors in one line, and exit statuses."""

import asyncio
import errno
import importlib
import io
import os
import sys
import types
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import click

from service_runtime.api_keys import ApiKeysError
from service_runtime.data_folder import DataFolderError, make_files_private
from service_runtime.errors import ServiceError
from service_runtime.key_ring import KeyRingError
from service_runtime.listen import ListenError
from service_runtime.protection import NotProtected
from service_runtime.tls_files import TlsError

EXIT_ERROR: Final = 1

# As shells and click have it.
EXIT_USAGE: Final = 2

# 128 + SIGINT, as shells report it.
EXIT_INTERRUPTED: Final = 130

# How commands and groups print their help.
HELP: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

Result = TypeVar("Result")

# What says in its own words, in one line, why a command cannot do what it was told.
_REFUSALS: Final = (
    ServiceError,
    ApiKeysError,
    DataFolderError,
    KeyRingError,
    ListenError,
    NotProtected,
    TlsError,
)


class CommandGroup(click.Group):
    """The commands of a program, in the order in which they are needed.

    Args:
        modules: where those are that are imported only when they are asked for, each in a
            variable of its name.
        options: click's own.
    """

    def __init__(
        self,
        *,
        modules: Mapping[str, str] = types.MappingProxyType({}),
        **options: Any,  # noqa: ANN401 - click's own
    ) -> None:
        super().__init__(**options)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own
        """Return their names."""
        return [*self._modules, *self.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name; None if there is none."""
        if cmd_name not in self._modules:
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(self._modules[cmd_name])
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command


def run_command(command: click.Command) -> NoReturn:
    """Run *command* with this process's arguments, and end the process.

    Whatever is wrong is said in one line on standard error: `<program>: <what>`.
    """
    make_files_private()
    sys.stdout = _standard_output()
    try:
        status = command.main(standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        # A group without a command: not a line but all that one can ask for.
        click.echo(error.format_message(), err=True)
        sys.exit(EXIT_USAGE)
    except click.ClickException as error:
        _fail(error.format_message(), error.exit_code)
    except _REFUSALS as error:
        _fail(str(error), EXIT_ERROR)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(EXIT_INTERRUPTED)
    except OutputFailed as error:
        # What is still in the buffer goes nowhere, or Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            # Whoever read our output has seen enough (`… | head`).
            sys.exit(EXIT_ERROR)
        _fail(f"standard output: {error.strerror}", EXIT_ERROR)
    except Exception as error:
        if (message := _word_of_a_service(error)) is None:
            raise
        _fail(message, EXIT_ERROR)
    sys.exit(status if isinstance(status, int) else 0)


def _word_of_a_service(error: Exception) -> str | None:
    """Return what a service that was called says, if that is what *error* is."""
    if "grpc" not in sys.modules:
        return None
    # Here, because each process that `serve` starts imports this module: what answers mail
    # clients would hold 16 MB of gRPC.
    import grpc  # noqa: PLC0415 - see above

    from service_runtime.channel import describe_error  # noqa: PLC0415 - see above

    return describe_error(error) if isinstance(error, grpc.aio.AioRpcError) else None


class OutputFailed(Exception):
    """Standard output cannot be written.  No `OSError`: click would take it for its own."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.errno = error.errno
        self.strerror = error.strerror


class _RawOutput(io.FileIO):
    """A file whose failures are told from those of all others."""

    def write(self, octets: Any, /) -> int:  # noqa: ANN401 - Buffer, which Python 3.11 lacks
        """Write *octets*, or some of them."""
        try:
            return super().write(octets)
        except OSError as error:
            raise OutputFailed(error) from error


def _standard_output() -> io.TextIOWrapper:
    old = sys.stdout
    is_terminal = old.isatty()
    return io.TextIOWrapper(
        io.BufferedWriter(_RawOutput(old.fileno(), "wb", closefd=False)),
        encoding=old.encoding,
        # A person reads on where a program must not: what the terminal cannot show is a "?".
        errors="replace" if is_terminal else old.errors,
        line_buffering=is_terminal,
    )


def _fail(message: str, status: int) -> NoReturn:
    click.echo(f"{Path(sys.argv[0]).name}: {' '.join(message.split())}", err=True)
    sys.exit(status)


def format_option(*, default: str, for_people: str = "table") -> Callable[[Any], Any]:
    """Declare `--format`, which a command gets as *format_*."""
    return click.option(
        "--format",
        "format_",
        type=click.Choice(["json", for_people]),
        default=default,
        show_default=True,
        help=f"json for programs, {for_people} for people.",
    )


def wait_for(work: Coroutine[object, object, Result]) -> Result:
    """Run the client *work* of a command to its end."""
    return asyncio.run(work)
