"""A part's body, decoded once and edited in its encoded form (RFC 2045 section 6).

Read `body` first.  Imports `rewriting.edit` and `rewriting.outcome` alone.

The model
---------

A body is octets that a decoder makes a text of.  The place for a pixel is found in the
text; the edit is made in the octets, so that each line that need not change stays as it
is, however it is written.

The rules, which the code refers to by their numbers:

1. *Exact or not at all.*  What a decoder reads after the edit is the edited text.  It is
   decoded again to see that; where it is not, the message is left alone.
2. *Tokens.*  An edit begins and ends between tokens: escapes, soft breaks, line ends,
   groups of base64.  What an escape says may be in it once more: "3" in "=33".
3. *Line ends.*  Lines of ours end as the part's do, and nothing comes between CR and
   LF: none stands alone afterwards that did not before.  Servers refuse those that do.
4. *Line lengths.*  Lines are as long as the body's own, at most as long as its encoding
   allows (RFC 2045 sections 6.7 and 6.8), and no line of ours begins with a dot.
5. *Other text.*  Text that list servers append to base64 is not base64, and stays text.
   Where it cannot be told from damage nothing is put before it.
"""

from injector_service.rewriting.transfer_encoding.body import Body, BodySlot, read_body

__all__ = ["Body", "BodySlot", "read_body"]
