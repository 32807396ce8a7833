"""A part's body, decoded once and edited in its encoded form (RFC 2045 section 6).

Read `body` first.  Imports `rewriting.edit` and `rewriting.outcome` alone.
"""

from injector_service.rewriting.transfer_encoding.body import Body, read_body

__all__ = ["Body", "read_body"]
