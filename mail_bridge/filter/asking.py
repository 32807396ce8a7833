"""Asks the bridge that runs what to put into a message."""

import socket
import time
from typing import Final

from mail_bridge.filter.frames import Answer, FrameInvalid, read_answer

_CHUNK: Final = 65_536


class BridgeAway(Exception):
    """No bridge has answered.  The text says why."""


def ask(path: str, question: bytes, *, seconds: float) -> Answer:
    """Return the answer of the bridge whose socket is *path*.

    Raises:
        BridgeAway: there is none within that time.
    """
    deadline = time.monotonic() + seconds
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(seconds)
            connection.connect(path)
            connection.sendall(question)
            return read_answer(lambda size: _read(connection, size, deadline))
    except TimeoutError:
        raise BridgeAway(f"the bridge at {path} did not answer in time") from None
    except FrameInvalid as error:
        raise BridgeAway(f"the bridge at {path}: {error}") from None
    except (OSError, ValueError) as error:
        # A ValueError: no socket can have such a path.
        raise BridgeAway(f"no bridge answers at {path}: {error}") from None


def _read(connection: socket.socket, size: int, deadline: float) -> bytes:
    """Return just *size* octets."""
    pieces = []
    while size:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        piece = connection.recv(min(size, _CHUNK))
        if not piece:
            raise FrameInvalid("it ended before it answered")
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
