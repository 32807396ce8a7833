"""When each key was last used: noted beside the file of keys.

Not in it: services would write the file that an operator may be changing, and it may be a
secret that an orchestrator mounts to be read alone.
"""

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from service_runtime.api_keys.key_file import change_lock
from service_runtime.private_files import (
    PrivateFileError,
    read_private_file,
    write_private_file,
)

# 64 octets for each of the keys that a file may have.
_MAX_OCTETS: Final = 1024 * 1024


def _path_beside(keys: Path) -> Path:
    return keys.with_name(f"{keys.name}.last-use")


def read_last_use(keys: Path) -> Mapping[str, dt.datetime]:
    """Return when each key of the file *keys* was last used; none that was not.

    What cannot be read is as if nothing had been noted: it is for people's information.
    """
    try:
        values = json.loads(read_private_file(_path_beside(keys), max_octets=_MAX_OCTETS))
        return {
            str(key_id): dt.datetime.fromisoformat(time).astimezone(dt.UTC)
            for key_id, time in values.items()
        }
    except (PrivateFileError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def note_last_use(keys: Path, used: Mapping[str, dt.datetime], *, known: frozenset[str]) -> None:
    """Note when the keys of the file *keys* were used; forget those that are not *known*.

    Raises:
        OSError: it cannot be written.
    """
    with change_lock(keys):
        noted = {key_id: time for key_id, time in read_last_use(keys).items() if key_id in known}
        for key_id, time in used.items():
            # Another service may have seen it later.
            noted[key_id] = max(time, noted.get(key_id, time))
        texts = {key_id: time.isoformat(timespec="seconds") for key_id, time in noted.items()}
        write_private_file(_path_beside(keys), json.dumps(texts).encode())
