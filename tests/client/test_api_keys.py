"""A client shows the key of a file, goes on with the next one, and keeps both to itself."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from emailopens_client import ApiKeyFile, ApiKeyUnusable, LogEnd, OpenStream
from emailopens_client.targets import is_on_this_machine
from pixel_service.open_log import OpenLog
from service_runtime.admission import Admission
from service_runtime.api_keys import ApiKeys
from service_runtime.api_keys.key_file import remove_key
from service_runtime.callers import Role
from tests.fixtures.api_keys import a_key
from tests.pixel.open_log.log_values import event_ids, new_opens
from tests.pixel.service_values import StreamService, a_log, streaming

KEY = "eo_subscriber_5f0c9a1b2e_8kgIYVz-npgdCXzGvYNQULJ60bB9zMfXd4o7qE6KKvs"
AWAY = "pixel.internal:50052"


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[OpenLog]:
    async with a_log(tmp_path) as open_log:
        yield open_log


@pytest.fixture
async def service(log: OpenLog, tmp_path: Path) -> AsyncIterator[StreamService]:
    """Serve with keys, of which there is an admin's to begin with."""
    a_key(tmp_path / "keys", Role.ADMIN)
    admission = Admission(ApiKeys(tmp_path / "keys"))
    async with streaming(log, admission=admission) as running:
        yield running


async def test_stream_with_a_key_goes_on_with_the_next_one(log: OpenLog, tmp_path: Path) -> None:
    """A key that is replaced in its file before it is revoked ends no subscriber."""
    key_id, text = a_key(tmp_path / "keys", Role.SUBSCRIBER)
    _, next_text = a_key(tmp_path / "keys", Role.SUBSCRIBER)
    file = tmp_path / "key"
    file.write_text(f"{text}\n")
    opens = new_opens(2)
    await log.append(opens[:1])
    admission = Admission(ApiKeys(tmp_path / "keys"))
    async with (
        streaming(log, admission=admission) as service,
        OpenStream(service.address, position=LogEnd.EARLIEST, api_key=ApiKeyFile(file)) as stream,
        asyncio.timeout(60),
    ):
        first = await anext(stream)
        file.write_text(next_text)
        remove_key(tmp_path / "keys", key_id)
        waiting = asyncio.create_task(anext(stream))
        await asyncio.wait({waiting}, timeout=0)
        await log.append(opens[1:])
        second = await waiting

    assert [first.event_id, second.event_id] == event_ids(opens)


async def test_stream_without_a_key_that_is_taken_ends(
    service: StreamService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is tried again for a key that stays what it is; the variable names a file, too."""
    _, other = a_key(tmp_path / "others", Role.SUBSCRIBER)
    file = tmp_path / "key"
    file.write_text(other)
    without = OpenStream(service.address, position=LogEnd.EARLIEST)
    monkeypatch.setenv("EMAILOPENS_API_KEY_FILE", str(file))
    named = OpenStream(service.address, position=LogEnd.EARLIEST)

    for stream, said in ((without, "have no `authorization"), (named, "none of this service")):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await anext(stream)
        assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert said in str(raised.value.details())


async def test_stream_says_that_its_key_cannot_be_used(tmp_path: Path) -> None:
    """Before anything is sent."""
    stream = OpenStream("127.0.0.1:1", position=LogEnd.EARLIEST, api_key=ApiKeyFile(tmp_path / "x"))

    with pytest.raises(ApiKeyUnusable, match="x: No such file"):
        await anext(stream)


@pytest.mark.parametrize(
    "text", ["", "\n", "secret", f"{KEY} x", f"{KEY}\n{KEY}", f"{KEY}é", "eo_" + "x" * 5_000]
)
def test_a_file_without_a_key_is_refused_unseen(tmp_path: Path, text: str) -> None:
    """What is no key is named by its file, and never repeated."""
    file = tmp_path / "key"
    file.write_text(text)

    with pytest.raises(ApiKeyUnusable) as refusal:
        ApiKeyFile(file).read("localhost:1", is_encrypted=False)

    assert str(refusal.value) == f"{file}: not an API key, eo_… on a line of its own"


def test_a_fifo_hangs_nobody(tmp_path: Path) -> None:
    """A file that is none is refused at once."""
    os.mkfifo(tmp_path / "fifo")

    with pytest.raises(ApiKeyUnusable, match="not an API key"):
        ApiKeyFile(tmp_path / "fifo").read("localhost:1", is_encrypted=False)


def test_a_key_leaves_the_machine_encrypted_or_by_request(tmp_path: Path) -> None:
    """In the clear it stays on the machine, unless its owner says otherwise."""
    file = tmp_path / "key"
    file.write_text(f" {KEY}\r\n")

    assert ApiKeyFile(file).read(AWAY, is_encrypted=True) == KEY
    assert ApiKeyFile(file).read("localhost:1", is_encrypted=False) == KEY
    assert ApiKeyFile(file, insecure_plaintext=True).read(AWAY, is_encrypted=False) == KEY
    assert ApiKeyFile().read(AWAY, is_encrypted=False) is None
    with pytest.raises(ApiKeyUnusable, match=r"on the way to .* would see") as no:
        ApiKeyFile(file).read(AWAY, is_encrypted=False)
    assert KEY not in str(no.value)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("localhost", True),
        ("LOCALHOST:50052", True),
        ("127.0.0.1:50052", True),
        ("127.8.9.1:1", True),
        ("[::1]:50052", True),
        ("dns:///localhost:50052", True),
        ("ipv4:127.0.0.1:50052", True),
        ("ipv6:[::1]:50052", True),
        ("unix:/run/pixel.sock", True),
        ("unix-abstract:pixel", True),
        ("pixel:50052", False),
        ("localhost.example:50052", False),
        ("127.0.0.1.example:50052", False),
        ("10.0.0.1:50052", False),
        ("0.0.0.0:50052", False),
        ("[::]:50052", False),
        ("dns://127.0.0.1/pixel:50052", False),
        ("dns://localhost/pixel", False),
        ("ipv4:127.0.0.1:1,10.0.0.1:1", False),
        ("xds:///localhost", False),
        ("", False),
    ],
)
def test_what_stays_on_the_machine_is_known(target: str, *, expected: bool) -> None:
    """What is not sure to stay is taken to leave."""
    assert is_on_this_machine(target) is expected


def test_key_in_the_place_of_its_file_is_not_said_again() -> None:
    """It was visible once, on a command line or in a variable, and is in no log for that."""
    with pytest.raises(ApiKeyUnusable) as refused:
        ApiKeyFile(Path(KEY)).read("localhost:50052", is_encrypted=True)

    assert KEY not in str(refused.value)
    assert "may have seen it" in str(refused.value)
