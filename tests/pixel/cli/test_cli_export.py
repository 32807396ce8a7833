"""`pixel-service opens export`, beside a running service."""

import asyncio
import contextlib
import csv
import datetime as dt
import io
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from emailopens.notification.v1.open_notification_pb2 import OpenNotification
from examples.pair import pair_on_free_ports
from pixel_service.cli.csv_rows import csv_heading
from pixel_service.open_log import OpenLog, OpenRecord
from service_runtime.admission import Admission
from service_runtime.api_keys import ApiKeys
from service_runtime.callers import Role
from tests.fixtures.api_keys import a_key
from tests.pixel.cli.running import PROGRAM, run, run_well
from tests.pixel.open_log.log_values import NOON, event_ids, new_open, new_opens
from tests.pixel.service_values import StreamService, streaming

EXPORT = ("opens", "export")

# A pipe has 64 KiB, and a stream some megabytes on its way: an export of these is not over
# before somebody reads it.
MANY, OCTETS = 400, 50_000


def an_open(hours: int = 0, *, configuration_id: str = "news", **tags: str) -> OpenRecord:
    """Return an open so many hours after noon, of a message with these tags."""
    opened = new_open(configuration_id=configuration_id)
    said = OpenNotification()
    said.open.open_time.FromDatetime(NOON + dt.timedelta(hours=hours))
    for name, value in tags.items():
        said.mail.tags[name].append(value)
    return OpenRecord(
        **{name: getattr(opened, name) for name in opened.__slots__ if name != "notification"},
        # What numbers the open is appended: an open is the last part, and not whole yet.
        notification=said.SerializeToString() + opened.notification,
    )


def many_opens() -> list[OpenRecord]:
    return [new_open(octets=OCTETS) for _ in range(MANY)]


def ids_in(lines: bytes | str) -> list[str]:
    """Return the event IDs of exported JSON."""
    return [json.loads(line)["eventId"] for line in lines.splitlines()]


@contextlib.asynccontextmanager
async def exporting(
    target: str, *options: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, asyncio.StreamReader]]:
    """Run an export inside the block; its output is read there."""
    process = await asyncio.create_subprocess_exec(
        *(str(PROGRAM), *EXPORT, "--format=jsonl", f"--target={target}", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1024 * 1024,
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def errors_of(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    return (await process.stderr.read()).decode()


async def test_csv_has_a_row_for_each_open(service: StreamService) -> None:
    """In the order of the log, with the names of the columns first and CRLF at the ends."""
    opens = new_opens(3)
    await service.log.append(opens)
    status, output, errors = await run(*EXPORT, "--format=csv", f"--target={service.address}")

    rows = list(csv.DictReader(io.StringIO(output, newline=""), strict=True))
    assert status == 0
    assert output.startswith(csv_heading())
    assert output.count("\n") == output.count("\r\n") == 4
    assert [row["event_id"] for row in rows] == event_ids(opens)
    assert errors.splitlines()[0] == "3 opens exported"
    assert errors.splitlines()[1].startswith("cursor: ")


async def test_json_lines_are_what_a_stream_prints(service: StreamService) -> None:
    """Each notification whole."""
    await service.log.append([an_open(tag="a") for _ in range(3)])
    target = f"--target={service.address}"
    exported = await run_well(*EXPORT, "--format=jsonl", target)
    streamed = await run_well("stream", "--from=earliest", "--stop-at-head", target)

    assert exported == streamed
    assert len(exported.splitlines()) == 3


async def test_options_say_which_opens(service: StreamService) -> None:
    """By the time of the fetch, which need not be that of recording, and all of them together."""
    opens = [
        an_open(0, campaign="spring"),
        an_open(1),
        an_open(1, campaign="spring"),
        an_open(1, configuration_id="shop", campaign="spring"),
        an_open(2, campaign="spring"),
    ]
    await service.log.append(opens)
    exported = await run_well(
        *(*EXPORT, "--format=jsonl", f"--target={service.address}", "--configuration=news"),
        *("--from=2026-03-01T14:00:00+01:00", "--to=2026-03-01T14:00:00Z"),
        "--tag=campaign=spring",
    )

    assert ids_in(exported) == event_ids([opens[2]])


async def test_nothing_recorded_is_a_heading(service: StreamService) -> None:
    """A table without rows is a table, and so is one that nothing matches."""
    await service.log.append(new_opens(1))
    table = await run_well(
        *EXPORT, "--format=csv", "--configuration=none", f"--target={service.address}"
    )

    assert table == csv_heading()


async def test_limited_key_exports_its_configurations_alone(log: OpenLog, tmp_path: Path) -> None:
    """Others' opens are in no file of its owner, whatever the options say."""
    opens = [an_open(configuration_id=each) for each in ("news", "shop", "news")]
    await log.append(opens)
    _, text = a_key(tmp_path / "keys", Role.SUBSCRIBER, "news")
    key = tmp_path / "key"
    key.write_text(text, encoding="ascii")
    key.chmod(0o600)
    async with streaming(log, admission=Admission(ApiKeys(tmp_path / "keys"))) as service:
        export = (*EXPORT, "--format=jsonl", f"--target={service.address}")
        own = await run_well(*export, f"--api-key-file={key}")
        others = await run(*export, f"--api-key-file={key}", "--configuration=shop")
        nobodys = await run(*export)

    assert ids_in(own) == event_ids([opens[0], opens[2]])
    assert others[:2] == nobodys[:2] == (1, "")
    assert "CONFIGURATION_NOT_ALLOWED" in others[2]
    assert "API_KEY_MISSING" in nobodys[2]


async def test_export_goes_on_after_a_restart(log: OpenLog) -> None:
    """It says what it waits for, and writes each open once, in order."""
    opens = many_opens()
    await log.append(opens)
    target = pair_on_free_ports().pixel
    async with contextlib.AsyncExitStack() as stack:
        async with streaming(log, listen=target):
            process, output = await stack.enter_async_context(exporting(target))
            first = await output.readline()
        reading = asyncio.create_task(output.read())
        assert process.stderr is not None
        said = await process.stderr.readline()
        async with streaming(log, listen=target):
            rest = await reading
            errors = await errors_of(process)
            status = await process.wait()

    assert said.decode().startswith(f"waiting for the pixel service at {target}: UNAVAILABLE: ")
    assert errors.splitlines()[-2] == f"{MANY} opens exported"
    assert status == 0
    assert ids_in(first + rest) == event_ids(opens)


async def test_interrupted_export_says_where_to_go_on(service: StreamService) -> None:
    """What was written and what is written from there on is everything, once."""
    opens = many_opens()
    await service.log.append(opens)
    async with exporting(service.address) as (process, output):
        first = await output.readline()
        process.send_signal(signal.SIGINT)
        written = first + await output.read()
        errors = await errors_of(process)
        status = await process.wait()
    *_, cursor = errors.split()
    rest = await run_well(
        *EXPORT, "--format=jsonl", f"--target={service.address}", f"--after-cursor={cursor}"
    )

    done = ids_in(written)
    assert (status, errors.splitlines()[1:]) == (130, [""])
    assert errors.startswith(f"{len(done)} opens exported so far, go on with --after-cursor ")
    assert len(done) < MANY
    assert done + ids_in(rest) == event_ids(opens)


async def test_broken_pipe_ends_an_export_without_a_word(service: StreamService) -> None:
    """Whoever closes it has seen enough."""
    await service.log.append(many_opens())
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, *EXPORT, "--format=jsonl", f"--target={service.address}"),
        stdout=writing,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(writing)
    await asyncio.to_thread(os.read, reading, 1)
    os.close(reading)
    _, errors = await process.communicate()

    assert (process.returncode, errors) == (1, b"")


async def test_cursor_file_makes_each_run_write_what_is_new(
    service: StreamService, tmp_path: Path
) -> None:
    """Without the names of the columns again, unless they are asked for."""
    export = (
        *(*EXPORT, "--format=csv", f"--target={service.address}"),
        f"--cursor-file={tmp_path / 'cursor'}",
    )
    outputs = []
    for options in ((), (), ("--heading",)):
        await service.log.append(new_opens(2))
        outputs.append(await run_well(*export, *options))

    assert [output.count("\r\n") for output in outputs] == [3, 2, 3]
    assert [output.startswith(csv_heading()) for output in outputs] == [True, False, True]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format=csv", "--after-cursor=x"], "CURSOR_MALFORMED"),
        (["--format=csv", "--configuration=NO"], "configuration_ids[0]"),
        (["--format=csv", "--cursor-file=/dev/null/x"], "/dev/null/x"),
    ],
)
async def test_mistake_is_one_clear_line(
    arguments: list[str], said: str, service: StreamService
) -> None:
    """On standard error; nothing is written that a program would take for an export."""
    status, output, errors = await run(*EXPORT, *arguments, f"--target={service.address}")

    assert (status, output, len(errors.splitlines())) == (1, "", 1)
    assert said in errors


async def test_nobody_there_is_an_error_at_once() -> None:
    """It says where the service was looked for; nothing is written."""
    target = pair_on_free_ports().pixel
    status, output, errors = await run(*EXPORT, "--format=csv", f"--target={target}")

    assert (status, output) == (1, "")
    assert errors.startswith(f"pixel-service: no pixel service at {target}: UNAVAILABLE: ")


@pytest.mark.parametrize(("is_file", "is_drawn"), [(True, True), (False, False)])
async def test_progress_is_drawn_on_a_terminal(
    service: StreamService, tmp_path: Path, *, is_file: bool, is_drawn: bool
) -> None:
    """Unless the opens are written there, too."""
    await service.log.append([an_open(hour) for hour in range(3)])
    terminal, side = os.openpty()
    with (tmp_path / "opens.csv").open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *(PROGRAM, *EXPORT, "--format=csv", f"--target={service.address}"),
            stdout=file if is_file else side,
            stderr=side,
        )
        os.close(side)
        drawn = bytearray()
        with contextlib.suppress(OSError):  # how a terminal says that nobody writes any more
            while octets := await asyncio.to_thread(os.read, terminal, 4_096):
                drawn += octets
        await process.wait()
    os.close(terminal)

    assert (b"100%" in drawn) is is_drawn
    assert b"3 opens exported" in drawn
    assert (b"event_id" in drawn) is not is_file


async def test_memory_does_not_grow_with_the_log(service: StreamService) -> None:
    """50 times as many opens, 48 MB more of them, take some megabytes for a batch and no more."""

    async def peak() -> int:
        measured = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PEAK, str(PROGRAM), *EXPORT),
            *("--format=csv", f"--target={service.address}"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        output, _ = await measured.communicate()
        return int(output) * (1 if sys.platform == "darwin" else 1024)

    await service.log.append([new_open(octets=500_000) for _ in range(2)])
    few = await peak()
    for _ in range(7):
        await service.log.append([new_open(octets=500_000) for _ in range(14)])
    many = await peak()

    assert many - few < 25_000_000


PEAK = f"""
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage({resource.RUSAGE_CHILDREN}).ru_maxrss)
"""
