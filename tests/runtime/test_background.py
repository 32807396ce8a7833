"""Background work starts and ends with its block."""

import asyncio

import aiohttp
import prometheus_client
import pytest
import structlog

from service_runtime import background
from service_runtime.admin_server import admin_server
from service_runtime.background import kept_running, running, tasks_down


async def test_work_is_over_when_the_block_is_over() -> None:
    """Nothing runs on after the block."""
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()

    async with running(work()):
        await asyncio.sleep(0)

    assert ended.is_set()


async def test_failure_of_the_work_is_raised_at_the_end_of_the_block() -> None:
    """A background task that died is not forgotten."""

    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        async with running(work()) as task:
            await asyncio.wait({task})


async def test_error_of_the_block_comes_out_as_it_is() -> None:
    """A typed handler around the block matches the block's own error."""
    with pytest.raises(KeyError):
        async with running(asyncio.sleep(60)):
            raise KeyError


class Dying:
    """Work that dies a few times and then goes on."""

    def __init__(self, *errors: BaseException) -> None:
        self._errors = list(errors)
        self.starts = 0
        self.goes_on = asyncio.Event()

    async def __call__(self) -> None:
        self.starts += 1
        if self._errors:
            raise self._errors.pop(0)
        self.goes_on.set()
        await asyncio.Event().wait()


async def test_work_that_dies_is_started_again() -> None:
    """Whatever the error is, also a cancellation that nobody asked this work for."""
    work = Dying(ValueError("broken"), asyncio.CancelledError(), KeyError("again"))

    async with kept_running("tail", work):
        await work.goes_on.wait()

    assert work.starts == 4


async def test_death_is_logged_with_frames_and_without_values() -> None:
    """A programmer sees where it was raised, and nobody sees what was being handled."""
    work = Dying(ValueError("not for the log: anna@example.org"))

    with structlog.testing.capture_logs() as events:
        async with kept_running("tail", work):
            await work.goes_on.wait()

    (event,) = events
    assert event["task"] == "tail"
    assert event["error"] == "ValueError"
    assert event["frames"][0] == "builtins.ValueError"
    assert any("test_background.py:" in frame for frame in event["frames"])
    assert event["frames"][-1].endswith(" __call__")
    assert "anna" not in str(event)


@pytest.fixture
def _never_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let work that was started again count as down for as long as a test may take."""
    monkeypatch.setattr(background, "_SETTLED_SECONDS", 600.0)


@pytest.mark.usefixtures("_never_settled")
async def test_work_that_is_down_is_named_until_it_has_run_for_a_while() -> None:
    """Readiness does not flicker when work dies again and again at once."""
    work = Dying(ValueError("broken"))
    before = tasks_down()

    async with kept_running("tail", work):
        await work.goes_on.wait()
        during = tasks_down()
    after = tasks_down()

    assert (before, during, after) == ([], ["tail"], [])


@pytest.mark.usefixtures("_never_settled")
async def test_process_with_work_that_is_down_is_not_ready() -> None:
    """An operator sees what is down, without anybody having listed it."""
    work = Dying(ValueError("broken"))
    async with (
        kept_running("tail", work),
        admin_server(
            listen="127.0.0.1:0",
            conditions=lambda: (),
            registry=prometheus_client.CollectorRegistry(),
        ) as address,
        aiohttp.ClientSession() as session,
    ):
        await work.goes_on.wait()
        async with session.get(f"http://{address}/readyz") as answer:
            text = await answer.text()

    assert answer.status == 503
    assert text == "background tasks run: no (down: tail; the log says why)\n"


async def test_work_that_returns_is_done() -> None:
    """It is not started again, and nothing is wrong."""
    starts = []

    async def work() -> None:
        starts.append(1)

    async with kept_running("migration", work):
        for _ in range(10):
            await asyncio.sleep(0)
        down = tasks_down()

    assert starts == [1]
    assert down == []
