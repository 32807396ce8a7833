"""Takes header fields out of a message."""

from collections.abc import Sequence

from injector_service.rewriting.edit import Edit
from injector_service.rewriting.mime import Header, message_start


def remove_fields(raw: bytes, header: Header, names: Sequence[str]) -> list[Edit]:
    """Return the edits of *raw* that take out all fields of its *header* called one of *names*.

    None at all if what would then be at the start looks like a byte order mark: a reader
    would skip it.
    """
    if not names:
        return []
    spans = sorted(span for name in names for span in header.spans(name))
    first = 0
    for start, end in spans:
        if start == first:
            first = end
    if first and message_start(raw, first) != first:
        return []
    return [Edit(start=start, end=end, insert=b"") for start, end in spans]
