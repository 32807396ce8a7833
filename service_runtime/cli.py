"""What the command lines of both services share: errors in one line, and exit statuses."""

import asyncio
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Final, NoReturn, TypeVar

import click
import grpc

from service_runtime.channel import describe_error
from service_runtime.data_folder import DataFolderError
from service_runtime.errors import ServiceError
from service_runtime.key_ring import KeyRingError
from service_runtime.listen import ListenError

EXIT_ERROR: Final = 1

# 128 + SIGINT, as shells report it.
EXIT_INTERRUPTED: Final = 130

Result = TypeVar("Result")


def run_command(command: click.Command) -> NoReturn:
    """Run *command* with this process's arguments, and end the process.

    Whatever is wrong is said in one line on standard error: `<program>: <what>`.
    """
    # gRPC's C core writes lines of its own (a port in use, say) that we say better.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        status = command.main(standalone_mode=False)
    except click.ClickException as error:
        _fail(error.format_message(), error.exit_code)
    except (ServiceError, DataFolderError, KeyRingError, ListenError) as error:
        _fail(str(error), EXIT_ERROR)
    except grpc.aio.AioRpcError as error:
        _fail(describe_error(error), EXIT_ERROR)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has seen enough (`… | head`).  What is still in the
        # buffer goes nowhere, or Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_ERROR)
    sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str, status: int) -> NoReturn:
    click.echo(f"{Path(sys.argv[0]).name}: {' '.join(message.split())}", err=True)
    sys.exit(status)


def wait_for(work: Coroutine[object, object, Result]) -> Result:
    """Run the client *work* of a command to its end."""
    return asyncio.run(work)
