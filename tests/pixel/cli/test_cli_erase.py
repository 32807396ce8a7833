"""Erasing reaches what waits in the spool, or says what it could not reach."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from emailopens.notification.v1 import open_notification_pb2 as pb
from pixel_service.intake import message_key
from pixel_service.open_log import OpenLog, OpenRecord, Position
from pixel_service.recording.spool import open_spool
from tests.pixel.open_log.log_values import new_open
from tests.pixel.service_values import a_log

PROGRAM = str(Path(sys.executable).with_name("pixel-service"))


def an_open_of(message_id: str) -> OpenRecord:
    """Return an open of the message *message_id*."""
    plain = new_open(message_key=message_key(message_id))
    said = pb.OpenNotification(mail=pb.Mail(message_id=message_id)).SerializeToString()
    return OpenRecord(
        **{name: getattr(plain, name) for name in plain.__slots__ if name != "notification"},
        # What numbers the open is appended: an open is the last part, and not whole yet.
        notification=said + plain.notification,
    )


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[OpenLog]:
    async with a_log(tmp_path) as open_log:
        yield open_log


async def erase(data: Path, *options: str) -> tuple[int, str, str]:
    """Erase in the folder *data*; return exit status, output and errors."""
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, "opens", "erase", f"--data={data}", *options),
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

    assert await erase(tmp_path, "--message-id=m1") == (0, "2 opens erased\n", "")
    assert await messages_in(log) == ["m3", "m2"]
    assert below(tmp_path, "*.spool") == []


async def test_a_running_process_has_time_to_drain_its_spool(log: OpenLog, tmp_path: Path) -> None:
    """Erasing waits for it, and then finds what was there."""
    with open_spool(tmp_path / "spool") as spool:
        spool.append([an_open_of("m1")])
        erasing = asyncio.create_task(erase(tmp_path, "--message-id=m1", "--patience=30"))
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
    with open_spool(tmp_path / "spool") as spool:
        spool.append([an_open_of("m1")])
        result = await erase(tmp_path, "--message-id=m1", "--patience=0")

    assert result == (
        1,
        "1 opens erased\n",
        "pixel-service: opens wait in the spool; erase again once it is drained\n",
    )


async def test_damaged_files_of_the_spool_are_named(log: OpenLog, tmp_path: Path) -> None:
    """Nobody can say what is in them, so the operator decides."""
    with open_spool(tmp_path / "spool") as spool:
        spool.append([an_open_of("m1")])
    (file,) = below(tmp_path, "*.spool")
    file.write_bytes(b"\0\0\0\1xxxx" + file.read_bytes())
    status, output, errors = await erase(tmp_path, "--message-id=m1")
    (damaged,) = below(tmp_path, "*.damaged")

    assert (status, output) == (1, "0 opens erased\n")
    # What was logged about it comes first.
    assert errors.splitlines()[-1] == (
        f"pixel-service: delete damaged files of the spool by hand: {damaged}"
    )
    assert await messages_in(log) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "say --recipient or --message-id"),
        (("--recipient=a@example.org", "--message-id=m1"), "say --recipient or --message-id"),
        (("--recipient=",), "'' is no address"),
        (("--recipient= ",), "' ' is no address"),
        (("--recipient=example.org",), "'example.org' is no address"),
        (("--message-id=",), "'' is no message ID as RewriteMessage answers it"),
        (("--message-id=<m1@example.org>",), "is no message ID as RewriteMessage answers it"),
    ],
)
async def test_what_identifies_nobody_erases_nothing(
    options: tuple[str, ...], said: str, log: OpenLog, tmp_path: Path
) -> None:
    """An empty ID would be that of every anonymous open, an empty address anybody's."""
    await log.append([an_open_of(""), an_open_of("m1")])
    status, output, errors = await erase(tmp_path, *options)

    assert (status, output) == (2, "")
    assert len(errors.splitlines()) == 1
    assert said in errors
    assert await messages_in(log) == ["", "m1"]
