"""A text as ASCII markup that can be searched, whatever its charset.

Read `text` first.  Imports `rewriting.budget`, `rewriting.edit` and
`rewriting.outcome` alone.
"""

from injector_service.rewriting.charset.text import AsciiText, Text, read_text

__all__ = ["AsciiText", "Text", "read_text"]
