"""The last thing that is said to a client."""

from mail_bridge.smtp import Reply


class Farewell(Exception):
    """A session is over.

    Args:
        reply: what the client hears.
        reason: why, for operators; None: the client wanted it.
        interrupts: whether the client may be about to send more.
    """

    def __init__(self, reply: Reply, reason: str | None, *, interrupts: bool = False) -> None:
        super().__init__(reason)
        self.reply = reply
        self.reason = reason
        self.interrupts = interrupts
