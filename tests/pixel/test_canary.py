"""Silence is noticed, whatever its cause: an open of the service's own must come through."""

import asyncio
import datetime as dt
import re
from pathlib import Path

import pytest

from emailopens_client import LogEnd, OpenStream
from pixel_service import endpoint_process, log_process
from pixel_service.streaming import Tail, tail
from service_runtime.background import tasks_down
from service_runtime.drain import Drain
from tests.pixel.recording.test_outage import ask, until_told
from tests.pixel.service_values import a_token, seal
from tests.pixel.test_service import RING, a_service, fetch


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let seconds be hundredths of them."""
    monkeypatch.setattr(endpoint_process, "_CANARY_SECONDS", 0.05)
    monkeypatch.setattr(tail, "_CHECK", dt.timedelta(seconds=0.05))
    monkeypatch.setattr(log_process, "_MAX_CANARY_AGE", dt.timedelta(seconds=2))


async def test_reader_that_stands_still_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No task has died, no error was raised, and still operators are told."""

    async def hang(_: Tail) -> None:
        await asyncio.Event().wait()

    async with a_service(tmp_path, Drain()) as addresses:
        _, well = await ask(addresses.admin, "readyz")
        with monkeypatch.context() as patch:
            patch.setattr(Tail, "_rest", hang)
            patch.setattr(Tail, "_read_on", hang)
            status = await until_told(addresses, "canary comes through: no")
            _, said = await ask(addresses.admin, "readyz")
            down = tasks_down()

    assert "canary comes through: yes" in well
    assert "opens can be streamed: yes" in said
    assert down == []
    # Pixels are answered and their opens durable: a balancer of pixels keeps the process.
    assert status == 200


async def test_canary_is_in_no_stream_and_no_count(tmp_path: Path) -> None:
    """Those who stream, and those who count, have what mail clients fetched."""
    async with a_service(tmp_path, Drain()) as addresses:
        await fetch(addresses.http, seal(a_token("m"), RING))
        journal = tmp_path / "journal"
        written = 0
        # Until there are canaries before and after it.
        while written < 10:
            written = sum(path.read_bytes().count(b"canary....") for path in journal.rglob("*.*"))
            await asyncio.sleep(0.02)
        metrics = ""
        while "\nopens_recorded_total 1.0\n" not in metrics:
            _, metrics = await ask(addresses.admin, "metrics")
        async with OpenStream(addresses.grpc, position=LogEnd.EARLIEST, stop_at_head=True) as opens:
            found = [each.mail.message_id async for each in opens]

    assert found == ["m"]
    assert "\nopens_durable_total 1.0\n" in metrics
    age = re.search(r"^canary_age_seconds (\S+)$", metrics, re.MULTILINE)
    assert age is not None
    assert float(age[1]) < 25
