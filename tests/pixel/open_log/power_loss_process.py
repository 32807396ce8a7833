"""A process whose disk forgets: `python -m tests.pixel.open_log.power_loss_process FOLDER KIND`.

KIND is `log`, which appends opens to a log, or `careless`, which inserts rows into a
database that is not synced.  Again and again, the moment after something was said to
be durable, it writes down what the disk would have left: FOLDER/<number>/opens.db and
what belongs to it, and FOLDER/<number>/answered with a line for each durable open.
"""

import asyncio
import random
import sqlite3
import sys
from pathlib import Path

from pixel_service.notification import number_open
from pixel_service.open_log import connect
from pixel_service.statistics import COUNTING_RULES
from tests.pixel.open_log.log_values import event_ids, new_open
from tests.pixel.open_log.lossy_disk import LossyDisk, write_files

MOMENTS = 60
# So many opens that checkpoints run in between: one comes every 4 MiB.
OPENS_PER_MOMENT = 250


def write_down(disk: LossyDisk, answered: list[str], folder: Path) -> None:
    number = len(list(folder.glob("[0-9]*")))
    # Every other time, some of what was not synced has reached the disk all the same.
    chance = random.Random(number) if number % 2 else None  # noqa: S311 - not for secrets
    for _ in write_files(disk.after_power_loss(chance), folder / f"{number}"):
        pass
    (folder / f"{number}" / "answered").write_text("\n".join(answered))


async def append_to_log(disk: LossyDisk, folder: Path) -> None:
    answered: list[str] = []
    async with connect(
        f"sqlite:///{folder}/live/opens.db", number_open=number_open, counting_rules=COUNTING_RULES
    ) as log:
        for _ in range(MOMENTS):
            opens = [
                new_open(message_key=bytes(12) + index.to_bytes(4))
                for index in range(OPENS_PER_MOMENT)
            ]
            await log.append(opens)
            answered += event_ids(opens)
            await asyncio.to_thread(write_down, disk, answered, folder)


def insert_carelessly(disk: LossyDisk, folder: Path) -> None:
    (folder / "live").mkdir()
    connection = sqlite3.connect(folder / "live/opens.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("CREATE TABLE opens (event_id TEXT)")
    connection.execute("PRAGMA wal_checkpoint")
    answered: list[str] = []
    for number in range(10):
        connection.execute("INSERT INTO opens VALUES (?)", (str(number),))
        answered.append(str(number))
        write_down(disk, answered, folder)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    if sys.argv[2] == "log":
        asyncio.run(append_to_log(LossyDisk(), target))
    else:
        insert_carelessly(LossyDisk(), target)
