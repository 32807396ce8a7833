"""What passes over the socket between `mail-bridge filter` and the bridge that runs.

A question is a head of fixed size, then the recipient in UTF-8, then the message.  An answer
is a head, then a reason in ASCII, then at most `MAX_SPLICES` replacements: a head each, then
the octets that come.  One question and one answer a connection.
"""

import enum
import struct
from collections.abc import Callable
from typing import Final, NamedTuple

MAGIC: Final = b"eof1"
"""The name and version of the protocol."""

# As the injector has them: 320 characters, of four octets at most.
MAX_RECIPIENT_OCTETS: Final = 320 * 4

# The injector's limit, unless its operator has set another.
MAX_MESSAGE_OCTETS: Final = 50 * 1024 * 1024

# Of a rewriting: a field that is removed, and the pixel.
MAX_SPLICES: Final = 2

# Far above what a pixel takes; keeps a wrong answer from filling the memory.
MAX_INSERT_OCTETS: Final = 1024 * 1024

_QUESTION: Final = struct.Struct("!4sHI")
_ANSWER: Final = struct.Struct("!4sBBB")
_SPLICE: Final = struct.Struct("!III")

QUESTION_HEAD_OCTETS: Final = _QUESTION.size


class FrameInvalid(Exception):
    """What came is not of this protocol, or above its limits."""


class Question(NamedTuple):
    """A message that may get a pixel."""

    recipient: str
    message: bytes

    def octets(self) -> bytes:
        """Return it as it is sent.

        Raises:
            FrameInvalid: no bridge could answer it.
        """
        try:
            recipient = self.recipient.encode()
        except UnicodeEncodeError:
            raise FrameInvalid("the recipient is not in UTF-8") from None
        _check_sizes(len(recipient), len(self.message))
        return _QUESTION.pack(MAGIC, len(recipient), len(self.message)) + recipient + self.message


def question_sizes(head: bytes) -> tuple[int, int]:
    """Return how many octets of recipient and message come after *head*.

    Raises:
        FrameInvalid: it is no head of a question.
    """
    magic, recipient, message = _QUESTION.unpack(head)
    if magic != MAGIC:
        raise FrameInvalid("no question of this protocol")
    _check_sizes(recipient, message)
    return recipient, message


def _check_sizes(recipient: int, message: int) -> None:
    if not 0 < recipient <= MAX_RECIPIENT_OCTETS:
        raise FrameInvalid("the recipient is no address")
    if not message:
        raise FrameInvalid("the message is empty")
    if message > MAX_MESSAGE_OCTETS:
        raise FrameInvalid("the message is too large")


class Verdict(enum.IntEnum):
    """What the bridge says of a message."""

    TRACKED = 0
    """It has a pixel."""

    UNTRACKED = 1
    """It has none, and would have none later."""

    FAILED = 2
    """It has none, and might have one later."""


class Splice(NamedTuple):
    """A replacement in the message."""

    offset: int
    delete_count: int
    insert: bytes


class Answer(NamedTuple):
    """What becomes of a message."""

    verdict: Verdict
    reason: str
    """Why it has no pixel: a name of ours."""
    splices: tuple[Splice, ...] = ()
    """In order and apart; they may be there without a pixel, too."""

    def octets(self) -> bytes:
        """Return it as it is sent."""
        reason = self.reason.encode("ascii")
        pieces = [_ANSWER.pack(MAGIC, self.verdict, len(reason), len(self.splices)), reason]
        for offset, delete_count, insert in self.splices:
            pieces += (_SPLICE.pack(offset, delete_count, len(insert)), insert)
        return b"".join(pieces)


def read_answer(read: Callable[[int], bytes]) -> Answer:
    """Return the answer that comes by *read*, which returns just as many octets as it is asked for.

    Raises:
        FrameInvalid: it is none.
    """
    magic, verdict, reason_octets, count = _ANSWER.unpack(read(_ANSWER.size))
    if magic != MAGIC or verdict not in set(Verdict) or count > MAX_SPLICES:
        raise FrameInvalid("no answer of this protocol")
    reason = read(reason_octets).decode("ascii", "replace")
    return Answer(Verdict(verdict), reason, tuple(_read_splice(read) for _ in range(count)))


def _read_splice(read: Callable[[int], bytes]) -> Splice:
    offset, delete_count, insert_octets = _SPLICE.unpack(read(_SPLICE.size))
    if insert_octets > MAX_INSERT_OCTETS:
        raise FrameInvalid("no answer of this protocol")
    return Splice(offset, delete_count, read(insert_octets))
