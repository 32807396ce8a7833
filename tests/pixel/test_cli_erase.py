"""Erasing says when it could not reach everything."""

import subprocess
import sys
from pathlib import Path

from pixel_service import openlog
from tests.pixel.log_values import number_open


async def test_opens_in_the_spool_are_not_silently_left(tmp_path: Path) -> None:
    """The operator is told to erase again once the spool is drained."""
    async with openlog.connect(f"sqlite:///{tmp_path}/opens.db", number_open=number_open):
        pass
    slot = tmp_path / "spool/slot-000"
    slot.mkdir(parents=True)
    command = [
        str(Path(sys.executable).with_name("pixel-service")),
        *("opens", "erase", "--message-id", "m", "--data", str(tmp_path)),
    ]

    drained = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603, ASYNC221 - our own program, short
    (slot / "00000001.spool").write_bytes(b"waiting")
    waiting = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603, ASYNC221 - our own program, short

    assert (drained.returncode, drained.stdout, drained.stderr) == (0, "0 opens erased\n", "")
    assert waiting.returncode == 1
    assert waiting.stderr == (
        "pixel-service: opens wait in the spool; erase again once it is drained\n"
    )
