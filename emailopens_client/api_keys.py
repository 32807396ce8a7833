"""The API key that a client shows."""

import os
import re
from pathlib import Path
from typing import Final

import grpc

from emailopens_client.targets import is_on_this_machine

# Names the file unless the program does.
FILE_VARIABLE: Final = "EMAILOPENS_API_KEY_FILE"

# A key has 70 characters or so; what is much longer is another file.
_MAX_OCTETS: Final = 1_000

_KEY: Final = re.compile(r"eo_[a-z]++_[0-9a-z]++_[A-Za-z0-9_-]++")


class ApiKeyUnusable(Exception):
    """There is no key that may be sent.  The text says why, and holds no part of it."""


class ApiKeyFile:
    """A file with a key, which is read for each connection: it may be replaced by a new one."""

    def __init__(self, path: Path | None = None, *, insecure_plaintext: bool = False) -> None:
        """Say where the key is.

        Args:
            path: the file; None: what `EMAILOPENS_API_KEY_FILE` names, if anything.
            insecure_plaintext: whether the key may leave this machine in the clear.
        """
        named = os.environ.get(FILE_VARIABLE)
        self._path = path or (Path(named) if named else None)
        self._insecure_plaintext = insecure_plaintext
        self._last: str | None = None

    def read(self, target: str, *, is_encrypted: bool) -> str | None:
        """Return the key for a connection to *target*; None if no file is named.

        Raises:
            ApiKeyUnusable: the file has none, or others would see it on its way.
        """
        self._last = self._key()
        if self._last is None or is_encrypted or self._insecure_plaintext:
            return self._last
        if not is_on_this_machine(target):
            raise ApiKeyUnusable(
                f"whoever is on the way to {target} would see the API key: call by TLS,"
                " or say that it may go in the clear (insecure plaintext)"
            )
        return self._last

    def explains(self, error: grpc.aio.AioRpcError) -> bool:
        """Return whether a call was refused for a key that another has replaced meanwhile."""
        try:
            return error.code() is grpc.StatusCode.UNAUTHENTICATED and self._key() != self._last
        except ApiKeyUnusable:
            # It is being replaced.
            return True

    def _key(self) -> str | None:
        if self._path is None:
            return None
        if _KEY.fullmatch(str(self._path)):
            raise ApiKeyUnusable(
                "an API key is where its file should be: others on this machine may have seen it"
            )
        try:
            # Not waiting for whoever would write into a FIFO.
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                text = (file.read(_MAX_OCTETS) or b"").decode("ascii", "replace").strip()
        except OSError as error:
            raise ApiKeyUnusable(f"{self._path}: {error.strerror}") from error
        if _KEY.fullmatch(text) is None:
            raise ApiKeyUnusable(f"{self._path}: not an API key, eo_… on a line of its own")
        return text
