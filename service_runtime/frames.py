"""Where an error was raised, without what was in the variables there.

An error's own text may hold SQL, paths or addresses, which no log line may have; its
class and its frames say what a programmer needs to know.
"""

import sys
import traceback
from pathlib import Path
from typing import Final

# Of one error, the innermost; a recursion that does not end has a thousand alike.
MAX_FRAMES: Final = 30

# Errors that led to one another.
MAX_CAUSES: Final = 5

_ROOTS: Final = tuple(
    sorted((str(Path(each).resolve()) for each in sys.path if each), key=len, reverse=True)
)


def frames_of(error: BaseException) -> list[str]:
    """Return *error* and what led to it, each as its class and its frames, outermost first.

    A frame reads `pixel_service/streaming/tail.py:103 follow`.
    """
    lines = []
    current: BaseException | None = error
    for _ in range(MAX_CAUSES):
        if current is None:
            break
        kind = type(current)
        lines.append(f"{kind.__module__}.{kind.__qualname__}")
        lines += [
            f"{_short(frame.filename)}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(current.__traceback__)[-MAX_FRAMES:]
        ]
        current = current.__cause__ or (
            None if current.__suppress_context__ else current.__context__
        )
    return lines


def _short(path: str) -> str:
    """Return *path* as an import would name it: below the folder it is imported from."""
    for root in _ROOTS:
        if path.startswith(f"{root}/"):
            return path[len(root) + 1 :]
    return path
