"""Erasing reaches what waits in the spool, or says what it could not reach."""

import asyncio
import contextlib
import datetime as dt
import functools
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from emailopens.notification.v1 import open_notification_pb2 as pb
from pixel_service.intake import message_key
from pixel_service.open_log import OpenLog, OpenRecord, Position
from pixel_service.recording.spool import open_spool
from pixel_service.recording.spool_emptying import empty_spool
from tests.pixel.open_log.log_values import new_open
from tests.pixel.service_values import StreamService, a_log, streaming

PROGRAM = str(Path(sys.executable).with_name("pixel-service"))


def an_open_of(message_id: str, headers: pb.CommonHeaders | None = None) -> OpenRecord:
    """Return an open of the message *message_id*, which had these *headers*."""
    plain = new_open(message_key=message_key(message_id))
    mail = pb.Mail(message_id=message_id, common_headers=headers)
    said = pb.OpenNotification(mail=mail).SerializeToString()
    return OpenRecord(
        **{name: getattr(plain, name) for name in plain.__slots__ if name != "notification"},
        # What numbers the open is appended: an open is the last part, and not whole yet.
        notification=said + plain.notification,
    )


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[OpenLog]:
    async with a_log(tmp_path) as open_log:
        yield open_log


@contextlib.asynccontextmanager
async def a_service(
    log: OpenLog, data: Path, *, patience: float = 10
) -> AsyncIterator[StreamService]:
    """Serve *log*, whose spool is in *data* and is waited for as long as *patience*."""
    bring_in = functools.partial(
        empty_spool, data / "spool", log, patience=dt.timedelta(seconds=patience)
    )
    async with streaming(log, bring_in=bring_in) as service:
        yield service


async def erase(service: StreamService, *options: str) -> tuple[int, str, str]:
    """Erase what *service* holds; return exit status, output and errors."""
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, "opens", "erase", f"--target={service.address}", *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return process.returncode or 0, output.decode(), errors.decode()


def below(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.rglob(pattern))


async def messages_in(log: OpenLog) -> list[str]:
    page = await log.read(after=Position(0, 0), max_entries=100, max_octets=1_000_000)
    return [
        pb.OpenNotification.FromString(entry.notification).mail.message_id for entry in page.entries
    ]


async def test_what_a_dead_process_left_in_the_spool_is_erased(
    log: OpenLog, tmp_path: Path
) -> None:
    """Its opens are brought into the log, those to be erased go, and the others stay."""
    with open_spool(tmp_path / "spool") as spool:
        spool.append([an_open_of("m1"), an_open_of("m2")])
    await log.append([an_open_of("m3"), an_open_of("m1")])

    async with a_service(log, tmp_path) as service:
        assert await erase(service, "--message-id=m1") == (0, "2 opens erased\n", "")
    assert await messages_in(log) == ["m3", "m2"]
    assert below(tmp_path, "*.spool") == []


async def test_a_running_process_has_time_to_drain_its_spool(log: OpenLog, tmp_path: Path) -> None:
    """Erasing waits for it, and then finds what was there."""
    async with a_service(log, tmp_path, patience=30) as service:
        with open_spool(tmp_path / "spool") as spool:
            spool.append([an_open_of("m1")])
            erasing = asyncio.create_task(erase(service, "--message-id=m1"))
            spooled = spool.oldest()
            assert spooled is not None
            await log.append(spooled.opens)
            spool.remove(spooled)
            result = await erasing

    assert result == (0, "1 opens erased\n", "")
    assert await messages_in(log) == []


async def test_opens_that_stay_in_the_spool_are_not_silently_left(
    log: OpenLog, tmp_path: Path
) -> None:
    """The log is erased all the same, and the operator is told to erase again."""
    await log.append([an_open_of("m1")])
    async with a_service(log, tmp_path, patience=0) as service:
        with open_spool(tmp_path / "spool") as spool:
            spool.append([an_open_of("m1")])
            result = await erase(service, "--message-id=m1")

    assert result == (
        1,
        "1 opens erased\n",
        "pixel-service: opens wait to be brought into the log: erase again a little later\n",
    )


async def test_damaged_files_of_the_spool_are_named(log: OpenLog, tmp_path: Path) -> None:
    """Nobody can say what is in them, so the operator decides."""
    with open_spool(tmp_path / "spool") as spool:
        spool.append([an_open_of("m1")])
    (file,) = below(tmp_path, "*.spool")
    file.write_bytes(b"\0\0\0\1xxxx" + file.read_bytes())
    async with a_service(log, tmp_path) as service:
        status, output, errors = await erase(service, "--message-id=m1")
    (damaged,) = below(tmp_path, "*.damaged")

    assert (status, output) == (1, "0 opens erased\n")
    assert errors == (
        f"pixel-service: delete by hand, on the service's machine, the damaged file {damaged}\n"
    )
    assert await messages_in(log) == []


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        ((), 2, "say --recipient or --message-id"),
        (("--recipient=a@example.org", "--message-id=m1"), 2, "say --recipient or --message-id"),
        (("--recipient=",), 1, "recipient: is no address"),
        (("--recipient= ",), 1, "recipient: is no address"),
        (("--recipient=example.org",), 1, "recipient: is no address"),
        (("--message-id=",), 1, "message_id: is no message ID"),
        (("--message-id=<m1@example.org>",), 1, "message_id: is no message ID"),
    ],
)
async def test_what_identifies_nobody_erases_nothing(
    options: tuple[str, ...], status: int, said: str, log: OpenLog, tmp_path: Path
) -> None:
    """An empty ID would be that of every anonymous open, an empty address anybody's."""
    await log.append([an_open_of(""), an_open_of("m1")])
    async with a_service(log, tmp_path) as service:
        refused, output, errors = await erase(service, *options)

    assert (refused, output) == (status, "")
    assert len(errors.splitlines()) == 1
    assert said in errors
    assert await messages_in(log) == ["", "m1"]


async def test_an_open_with_a_senseless_recipient_does_not_keep_others_from_being_erased(
    log: OpenLog, tmp_path: Path
) -> None:
    """Every notification that is kept is readable to the command, whatever its To field was."""
    senseless = pb.CommonHeaders(to_mailboxes=["u@example.org " + "(" * 1_000])
    await log.append([an_open_of("m1", senseless), an_open_of("m2"), an_open_of("m3", senseless)])

    async with a_service(log, tmp_path) as service:
        result = await erase(service, "--recipient=U@example.org")

    assert result == (0, "2 opens erased\n", "")
    assert await messages_in(log) == ["m2"]
