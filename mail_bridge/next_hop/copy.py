"""What is sent in one transaction with the next hop."""

import dataclasses
from collections.abc import Sequence
from typing import Final

from mail_bridge.smtp import Change, Message, Reply

# For whom nobody knows what became of the message.
AWAY: Final = Reply(451, (b"4.3.0 The next hop does not answer as it should",))


@dataclasses.dataclass(slots=True, kw_only=True)
class Copy:
    """A message with changes of its own, whom it is for, and what became of it."""

    mail: bytes
    """The argument of MAIL."""

    recipients: Sequence[bytes]
    """The arguments of RCPT; at least one."""

    xforward: Sequence[bytes] = ()
    """The arguments of XFORWARD."""

    message: Message = dataclasses.field(repr=False)

    changes: Sequence[Change] = ()

    all_or_none: bool = False
    """Whether nobody gets it if one recipient is refused."""

    answers: list[Reply | None] = dataclasses.field(init=False)
    """What the next hop has said for each recipient; None: nothing, so far.

    Whoever gives a copy up still learns from it who has it.
    """

    def __post_init__(self) -> None:
        """Begin with nothing known."""
        self.forget_answers()

    def forget_answers(self) -> None:
        """Begin again, as when it is sent over another connection."""
        self.answers = [None] * len(self.recipients)

    def replies(self, unknown: Reply = AWAY) -> Sequence[Reply]:
        """Return the answer for each recipient; *unknown* where the next hop gave none."""
        return [answer or unknown for answer in self.answers]
