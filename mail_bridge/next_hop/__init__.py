"""The client's side: connections to the server that mail goes on to."""

from mail_bridge.next_hop.connection import Connection
from mail_bridge.next_hop.copy import AWAY, Copy
from mail_bridge.next_hop.pool import Pool
from mail_bridge.next_hop.protocol import NextHopProtocol
from mail_bridge.next_hop.server import NextHopServer
from mail_bridge.next_hop.tls import NextHopTls

__all__ = [
    "AWAY",
    "Connection",
    "Copy",
    "NextHopProtocol",
    "NextHopServer",
    "NextHopTls",
    "Pool",
]
