"""Of whom nothing is recorded: whoever has objected."""

from collections.abc import Sequence
from typing import Final

from pixel_service.notification import recipient_of
from pixel_service.open_log import message_objection_key, recipient_objection_key
from pixel_service.privacy import KeptOpen

# Messages whose keys are remembered; more than are opened at once.
_MAX_CACHED: Final = 2_048


class Objected:
    """Tells opens of those who have objected.  Asked in another thread than it is told."""

    def __init__(self, log_key: bytes) -> None:
        self._log_key = log_key
        self._keys: frozenset[bytes] = frozenset()
        self._recipients: dict[bytes, bytes | None] = {}

    def replace(self, keys: frozenset[bytes]) -> None:
        """Take *keys* for those of all objections that there are."""
        self._keys = keys

    def has(self, kept: KeptOpen) -> bool:
        """Return whether the open *kept* is of somebody, or of a message, that is objected to."""
        keys = self._keys
        if not keys:
            return False
        return any(key in keys for key in self._keys_of(kept))

    def _keys_of(self, kept: KeptOpen) -> Sequence[bytes]:
        keys = []
        if kept.message_key:
            keys.append(message_objection_key(kept.message_key, self._log_key))
        if (recipient := self._recipient_key_of(kept.message)) is not None:
            keys.append(recipient)
        return keys

    def _recipient_key_of(self, message: bytes) -> bytes | None:
        if message not in self._recipients:
            if len(self._recipients) >= _MAX_CACHED:
                self._recipients.clear()
            recipient = recipient_of(message)
            self._recipients[message] = (
                recipient_objection_key(recipient, self._log_key) if recipient else None
            )
        return self._recipients[message]
