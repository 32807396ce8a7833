"""The server's side: takes messages in, and answers for each only what the next hop has said."""

from mail_bridge.front.limits import Limits
from mail_bridge.front.protocol import FrontProtocol, SeveralRecipients

__all__ = ["FrontProtocol", "Limits", "SeveralRecipients"]
