"""What an endpoint process is made of: as little as a fetch needs."""

import subprocess
import sys
from pathlib import Path

import pytest

from pixel_service.endpoint_process import conditions
from pixel_service.journal import JournalHealth, JournalState

ROOT = Path(__file__).parents[3]

# All that the process runs: the command's module, which it imports as the supervisor's, and
# its work, as the supervisor has it unpickled.
PROGRAM = """
import sys
import pixel_service.cli.main, pixel_service.cli.serve
import pixel_service.endpoint_process, pixel_service.supervisor
from pixel_service.settings import Settings

Settings().judge_loader().load()
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_endpoint_process_loads_neither_grpc_nor_sql() -> None:
    """What answers mail clients shares no code with databases and subscribers."""
    found = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout.split()

    assert "aiohttp" in found
    assert set(found) & {"grpc", "sqlalchemy", "alembic", "asyncpg", "sqlite3"} == set()


@pytest.mark.parametrize(
    ("state", "has_room", "is_ready"),
    [
        (JournalState.DURABLE, True, True),
        (JournalState.DURABLE, False, False),
        (JournalState.MEMORY, True, False),
        (JournalState.LOSING, True, False),
    ],
)
def test_endpoint_is_ready_while_opens_are_durable_and_there_is_room(
    state: JournalState, *, has_room: bool, is_ready: bool
) -> None:
    """It says so before the disk is full, and while memory alone has what it answered for."""
    health = JournalHealth(
        state=state,
        appended=7,
        held=3,
        lost=1,
        octets=2**24,
        free_octets=2**30,
        has_room=has_room,
    )
    found = conditions(health)

    assert all(each.holds for each in found) == is_ready
    if state is not JournalState.DURABLE:
        assert found[0].detail == "3 in memory, 1 lost"
