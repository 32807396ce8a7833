"""Processes of ours end when they are told to, and say what is wrong in one line."""

import os
import signal
import subprocess
import sys

import pytest

DRAINING = """
import asyncio
from service_runtime import process

async def main(drain):
    print("ready", flush=True)
    await drain.wait()
    print("draining", flush=True)
    if {stubborn}:
        await asyncio.Event().wait()

process.run(main)
"""

FAILING = """
import click
from service_runtime.cli import run_command
from service_runtime.listen import ListenError

@click.command()
@click.option("--number", type=int)
def command(number):
    if number == 0:
        raise ListenError("cannot listen at\\nhere")

run_command(command)
"""


def start(program: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_first_signal_lets_the_process_finish(number: signal.Signals) -> None:
    """An orchestrator's or a person's stop is a drain, with exit status 0."""
    with start(DRAINING.format(stubborn=False)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.kill(process.pid, number)
        out, errors = process.communicate()

    assert (out, errors, process.returncode) == ("draining\n", "", 0)


def test_second_signal_ends_a_process_that_does_not_finish() -> None:
    """A person who presses Ctrl-C twice gets the prompt back."""
    with start(DRAINING.format(stubborn=True)) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(process.pid, signal.SIGTERM)
        assert process.stdout.readline() == "draining\n"
        os.kill(process.pid, signal.SIGTERM)
        _, errors = process.communicate()

    assert (errors, process.returncode) == ("", 0)


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (["--number", "x"], 2, "'x' is not a valid integer"),
        (["--nonsense"], 2, "No such option"),
        (["--number", "0"], 1, "-c: cannot listen at here"),
    ],
)
def test_errors_are_one_line(arguments: list[str], status: int, complaint: str) -> None:
    """Whatever is wrong is said in one line on standard error."""
    with start(FAILING, *arguments) as process:
        out, errors = process.communicate()

    assert out == ""
    assert complaint in errors
    assert errors.count("\n") == 1
    assert process.returncode == status
