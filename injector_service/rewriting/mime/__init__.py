"""Finds header fields, parts and addresses in a message's octets, by offsets; builds no tree.

Read `header` first, then `html_part`.  Imports `rewriting.budget` and
`rewriting.outcome` alone.

The model
---------

A message is lines.  Some of them are delimiters, and between delimiters are parts: a
header block, a blank line, a body.  A client builds a tree of parts and shows some of
its leaves.  We need one leaf, the HTML that is shown, as a span of octets; so the
message is walked forward once, with the multiparts that are open on a stack, and what
cannot change the answer is passed over without being read.

The rules, which the code refers to by their numbers:

1. *Header blocks.*  A block ends at a blank line or, where that is missing, at the first
   line that is no field.  A line that begins with hyphens may be a field: only delimiters
   of open multiparts and of its own boundary end the block.
2. *Delimiters.*  A delimiter is a whole line: hyphens, boundary, white space.  One of an
   outer multipart ends all those inside.  The line end before it is its own.
3. *What is shown.*  The first part that is HTML and no attachment.  Of alternatives the
   last that has one (RFC 2046 section 5.1.4); of related parts the root, if it is named
   (RFC 2387 section 3.2) and has one.
4. *What is left alone.*  Nothing is looked for in signed, encrypted and reporting
   multiparts, nor in messages inside the message.
5. *Leniency.*  Fields, parameters and boundaries are read as mail clients read them, not
   as the standards want them; QUIRK says where.
6. *Limits.*  Header size, fields, parts and depth are bounded, and so is what looks like
   a delimiter and is none.
"""

from injector_service.rewriting.mime.addresses import addr_spec
from injector_service.rewriting.mime.correspondents import (
    address_octets,
    from_address_and_mailboxes,
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
    "address_octets",
    "find_html_part",
    "from_address_and_mailboxes",
    "message_start",
    "read_message_header",
    "recipient_addresses",
    "sender_address",
    "to_mailboxes",
]
