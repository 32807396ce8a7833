"""Puts a pixel into a message: octets in, octets out.  Read `rewrite` first.

Imports nothing of ours and does no I/O, so everything here can be tested with bytes.
The rooms below it (`mime`, `transfer_encoding`, `charset`, `html`) share `edit` and
`outcome`, and do not know each other.
"""

from injector_service.rewriting.budget import Budget
from injector_service.rewriting.edit import Splice, merged
from injector_service.rewriting.field_removal import remove_fields
from injector_service.rewriting.outcome import Outcome, Placement, RewriteWarning
from injector_service.rewriting.pixel import (
    MAX_UNBROKEN_URL_CHARACTERS,
    MAX_URL_CHARACTERS,
    PIXEL_PATH,
    MadePixel,
    Pixel,
)
from injector_service.rewriting.rewrite import MessageCopies, rewrite_message
from injector_service.rewriting.rewritten import Instructions, MakePixel, Rewritten

__all__ = [
    "MAX_UNBROKEN_URL_CHARACTERS",
    "MAX_URL_CHARACTERS",
    "PIXEL_PATH",
    "Budget",
    "Instructions",
    "MadePixel",
    "MakePixel",
    "MessageCopies",
    "Outcome",
    "Pixel",
    "Placement",
    "RewriteWarning",
    "Rewritten",
    "Splice",
    "merged",
    "remove_fields",
    "rewrite_message",
]
