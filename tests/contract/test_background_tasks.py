"""No background task dies unseen: who begins one says who hears of its error.

`service_runtime.background` begins what must go on for as long as its block, logs its death
and begins it again.  Whatever begins a task by itself is on the list below.
"""

import ast
from collections.abc import Mapping
from typing import Final

import pytest

from tests.contract.imports import ROOT

PACKAGES: Final = (
    "emailopens_client",
    "injector_service",
    "mail_bridge",
    "pixel_service",
    "service_runtime",
)

BEGINNING: Final = frozenset({"create_task", "ensure_future"})

AWAITED: Final = "is awaited, by whoever began it or wants its result"
LOGGED: Final = "logs every error, and is of one client, message or webhook"
ALLOWED: Final[Mapping[str, str]] = {
    "emailopens_client/open_stream.py": AWAITED,
    "mail_bridge/delivery/sending.py": LOGGED,
    "mail_bridge/filter_socket.py": LOGGED,
    "mail_bridge/front/serving.py": LOGGED,
    "mail_bridge/next_hop/pool.py": AWAITED,
    "pixel_service/open_log/postgres/log.py": AWAITED,
    "pixel_service/open_log/sql/live_sessions.py": "logs every error, and its ends are found out",
    "pixel_service/open_log/sql/subscriptions.py": "gives its errors to who waits for the commit",
    "pixel_service/page/live/feeds.py": "keeps its work running, and only waits itself",
    "pixel_service/recording/recorder.py": AWAITED,
    "pixel_service/server.py": AWAITED,
    "pixel_service/webhooks/manager.py": LOGGED,
    "service_runtime/background.py": "is what begins the others",
    "service_runtime/grpc_server.py": AWAITED,
    "service_runtime/listener.py": "tells the connection that it is over; the loop logs the rest",
    "service_runtime/process.py": "is the program, which ends with it",
    "service_runtime/waiting.py": "says one sentence to whoever runs a command",
    "service_runtime/workers.py": "ends the supervisor",
}


def begins_tasks(source: str) -> bool:
    """Say whether *source* calls what begins a task that no group owns."""
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in BEGINNING
        # A group's: its block fails with it.
        and not (isinstance(node.func.value, ast.Name) and node.func.value.id == "group")
        for node in ast.walk(ast.parse(source))
    )


def test_who_begins_a_task_says_who_hears_of_its_error() -> None:
    """Only modules on the list do, and all of them still do."""
    found = {
        str(file.relative_to(ROOT))
        for package in PACKAGES
        for file in (ROOT / package).rglob("*.py")
        if begins_tasks(file.read_text(encoding="utf-8"))
    }

    assert found == set(ALLOWED)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("asyncio.create_task(work())", True),
        ("self._loop.create_task(work())", True),
        ("asyncio.ensure_future(work())", True),
        ("group.create_task(work())", False),
        ("async with running(work()): pass", False),
    ],
)
def test_tasks_are_told_apart(source: str, *, expected: bool) -> None:
    """The check means something: it sees a task that nobody owns."""
    assert begins_tasks(source) is expected
