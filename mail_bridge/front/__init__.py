"""The server's side: takes messages in, and answers for each only what the next hop has said."""

from mail_bridge.front.protocol import FrontProtocol, SeveralRecipients
from mail_bridge.front.serving import front_server
from mail_bridge.front.settings import FrontSettings, Limits, Network

__all__ = [
    "FrontProtocol",
    "FrontSettings",
    "Limits",
    "Network",
    "SeveralRecipients",
    "front_server",
]
