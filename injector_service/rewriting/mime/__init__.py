"""Finds header fields, parts and addresses in a message's octets, by offsets; builds no tree.

Read `header` first, then `html_part`.  Imports `rewriting.outcome` alone.
"""

from injector_service.rewriting.mime.addresses import addr_spec
from injector_service.rewriting.mime.correspondents import (
    from_mailboxes,
    recipient_addresses,
    sender_address,
    to_mailboxes,
)
from injector_service.rewriting.mime.header import Header, message_start, read_message_header
from injector_service.rewriting.mime.html_part import HtmlPart, find_html_part

__all__ = [
    "Header",
    "HtmlPart",
    "addr_spec",
    "find_html_part",
    "from_mailboxes",
    "message_start",
    "read_message_header",
    "recipient_addresses",
    "sender_address",
    "to_mailboxes",
]
