"""On the embedded log, what was answered for survives power loss: it was synced before."""

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pixel_service.notification import number_open
from pixel_service.open_log import connect
from pixel_service.statistics import COUNTING_RULES
from tests.pixel.open_log.log_values import event_ids, new_opens, read_all

ROOT = Path(__file__).parents[3]


def run_until_power_loss(folder: Path, kind: str) -> list[Path]:
    """Run a process on a forgetful disk; return what the disk had left at each moment."""
    subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "tests.pixel.open_log.power_loss_process", str(folder), kind],
        cwd=ROOT,
        check=True,
    )
    return sorted(folder.glob("[0-9]*"), key=lambda path: int(path.name))


@pytest.mark.timeout(120)
@pytest.mark.guarantee("G3", "after power loss on the embedded default")
async def test_an_answered_open_survives_power_loss(tmp_path: Path) -> None:
    """Whenever the power fails, the log opens again and has every answered open, in order."""
    moments = run_until_power_loss(tmp_path, "log")
    assert len(moments) == 60
    for moment in moments[::3] + moments[-2:]:
        answered = (moment / "answered").read_text().split("\n")
        async with connect(
            f"sqlite:///{moment}/opens.db", number_open=number_open, counting_rules=COUNTING_RULES
        ) as log:
            there = event_ids(await read_all(log))

            assert there[: len(answered)] == answered
            await log.append(new_opens(1))


def test_the_forgetful_disk_notices_what_was_not_synced(tmp_path: Path) -> None:
    """Rows that were committed without a sync are gone: the test above can fail."""
    lost = 0
    for moment in run_until_power_loss(tmp_path, "careless"):
        answered = (moment / "answered").read_text().split("\n")
        with contextlib.closing(sqlite3.connect(moment / "opens.db")) as connection:
            rows = connection.execute("SELECT count(*) FROM opens").fetchone()
        lost += len(answered) - rows[0]

    assert lost > 0
