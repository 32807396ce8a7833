"""Processes of ours end when they are told to, and say what is wrong in one line."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

DRAINING = """
import asyncio
from service_runtime import process
from service_runtime.logging import configure_logging

configure_logging(format_="json")

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

@click.group()
def group():
    pass

@group.group()
def look():
    "Look after things."

@look.command()
@click.option("--number", type=int)
def after(number):
    if number == 0:
        raise ListenError("cannot listen at\\nhere")
    print("x" * 10)

run_command(group)
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
    """An orchestrator's or a person's stop is a drain, logged, with exit status 0."""
    with start(DRAINING.format(stubborn=False)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.kill(process.pid, number)
        out, errors = process.communicate()

    assert (out, process.returncode) == ("draining\n", 0)
    stopping, stopped = map(json.loads, errors.splitlines())
    assert (stopping["event"], stopping["signal"]) == ("stopping", number.name)
    assert stopping["grace_seconds"] == 5.0
    assert stopped["event"] == "stopped"
    assert stopped["seconds"] >= 0


def test_second_signal_ends_a_process_that_does_not_finish() -> None:
    """A person who presses Ctrl-C twice gets the prompt back."""
    with start(DRAINING.format(stubborn=True)) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(process.pid, signal.SIGTERM)
        assert process.stdout.readline() == "draining\n"
        os.kill(process.pid, signal.SIGTERM)
        _, errors = process.communicate()

    events = [json.loads(line)["event"] for line in errors.splitlines()]
    assert (events, process.returncode) == (["stopping", "stopping at once", "stopped"], 0)


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (["look", "after", "--number", "x"], 2, "'x' is not a valid integer"),
        (["look", "after", "--nonsense"], 2, "No such option"),
        (["look", "after", "--number", "0"], 1, "-c: cannot listen at here"),
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


@pytest.mark.parametrize(("arguments", "command"), [([], "look"), (["look"], "after")])
def test_group_without_a_command_prints_its_help(arguments: list[str], command: str) -> None:
    """As help is printed everywhere: in lines, on standard error, because nothing was done."""
    with start(FAILING, *arguments) as process:
        out, errors = process.communicate()

    assert (out, process.returncode) == ("", 2)
    assert errors.startswith("Usage: ")
    assert re.search(rf"^Commands:\n  {command}", errors, re.MULTILINE)


@pytest.mark.parametrize("arguments", [["--help"], ["look", "after"]])
def test_output_that_cannot_be_written_is_one_line(arguments: list[str]) -> None:
    """A full disk is no traceback; Python has nothing to add when it ends."""
    with Path("/dev/full").open("w", encoding="ascii") as full:
        done = subprocess.run(  # noqa: S603 - as above
            [sys.executable, "-c", FAILING, *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert (done.returncode, done.stderr) == (1, "-c: standard output: No space left on device\n")
