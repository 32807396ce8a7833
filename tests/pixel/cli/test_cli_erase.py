"""Erasing reaches what waits in a journal, or says what it could not reach."""

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
from pixel_service.journal import Journals
from pixel_service.open_log import OpenLog, OpenRecord, Position, message_key
from service_runtime.background import running
from tests.pixel.journal.disks import a_journal, until_done
from tests.pixel.open_log.log_values import new_open
from tests.pixel.recording.kept_values import kept, recording
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


@pytest.fixture
def journals(tmp_path: Path) -> Journals:
    return Journals(tmp_path / "journal")


@contextlib.asynccontextmanager
async def a_service(
    log: OpenLog, data: Path, *, patience: float = 10
) -> AsyncIterator[StreamService]:
    """Serve *log*; the journals in *data* are recorded, and waited for as long as *patience*."""
    async with recording(log, Journals(data / "journal")) as recorder:
        bring_in = functools.partial(recorder.bring_in, patience=dt.timedelta(seconds=patience))
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


async def test_what_a_dead_process_left_in_its_journal_is_erased(
    log: OpenLog, journals: Journals, tmp_path: Path
) -> None:
    """Its opens are brought into the log, those to be erased go, and the others stay."""
    async with a_journal(journals) as journal:
        await until_done([journal.append(kept("m1")), journal.append(kept("m2"))])
    await log.append([an_open_of("m3"), an_open_of("m1")])

    async with a_service(log, tmp_path) as service:
        assert await erase(service, "--message-id=m1") == (0, "2 opens erased\n", "")
    assert await messages_in(log) == ["m3", "m2"]
    assert below(tmp_path, "*.segment") == []


async def test_what_was_erased_is_in_no_file_of_a_running_process(
    log: OpenLog, journals: Journals, tmp_path: Path
) -> None:
    """Its journal goes on in a new file, and the one that held the opens is gone."""
    async with (
        a_service(log, tmp_path) as service,
        a_journal(journals) as journal,
        running(journal.look_after()),
    ):
        await journal.append(kept("secret-message"))
        result = await erase(service, "--message-id=secret-message")
        octets = b"".join(path.read_bytes() for path in below(tmp_path, "*.segment"))

    assert result == (0, "1 opens erased\n", "")
    assert b"secret-message" not in octets
    assert await messages_in(log) == []


async def test_opens_that_stay_in_a_journal_are_not_silently_left(
    log: OpenLog, journals: Journals, tmp_path: Path
) -> None:
    """The log is erased all the same, and the operator is told to erase again."""
    await log.append([an_open_of("m1")])
    # A process that lives and does not answer: nobody looks after its journal.
    async with a_service(log, tmp_path, patience=0.2) as service, a_journal(journals) as journal:
        await journal.append(kept("m2"))
        result = await erase(service, "--message-id=m1")

    assert result == (
        1,
        "1 opens erased\n",
        "pixel-service: opens wait to be brought into the log: erase again a little later\n",
    )


async def test_damaged_files_of_the_journal_are_named(
    log: OpenLog, journals: Journals, tmp_path: Path
) -> None:
    """Nobody can say what is in them, so the operator decides."""
    async with a_journal(journals) as journal:
        await until_done([journal.append(kept("m1")), journal.append(kept("m2"))])
    (file,) = below(tmp_path, "*.segment")
    octets = bytearray(file.read_bytes())
    octets[100] ^= 1
    file.write_bytes(octets)
    async with a_service(log, tmp_path) as service:
        status, output, errors = await erase(service, "--message-id=m1")
    (damaged,) = below(tmp_path / "journal/damaged", "*")

    assert (status, output) == (1, "0 opens erased\n")
    assert errors == (
        f"pixel-service: delete by hand, on the service's machine, the damaged file {damaged}\n"
    )
    assert await messages_in(log) == ["m2"]


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        ((), 2, "say --recipient or --message-id"),
        (("--recipient=a@example.org", "--message-id=m1"), 2, "say --recipient or --message-id"),
        (("--recipient=",), 1, "recipient: is not an address"),
        (("--recipient= ",), 1, "recipient: is not an address"),
        (("--recipient=example.org",), 1, "recipient: is not an address"),
        (("--message-id=",), 1, "message_id: is not a message ID"),
        (("--message-id=<m1@example.org>",), 1, "message_id: is not a message ID"),
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
