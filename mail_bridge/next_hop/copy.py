"""What is sent in one transaction with the next hop."""

import dataclasses
from collections.abc import Sequence

from mail_bridge.smtp import Change, Message


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A message with changes of its own, and whom it is for."""

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
