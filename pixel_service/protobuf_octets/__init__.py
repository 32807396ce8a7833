"""The only protobuf that is written by hand: fields, and times, as octets.

Everything else goes through the generated classes.  Imports google.protobuf for the
well-known types, and nothing of ours.

Read `fields` first: it says why by hand, and by how much that is faster.
"""

from pixel_service.protobuf_octets.fields import field, fixed_varint, number_tag, tag, text, varint
from pixel_service.protobuf_octets.times import (
    duration,
    duration_octets,
    timestamp,
    timestamp_octets,
)

__all__ = [
    "duration",
    "duration_octets",
    "field",
    "fixed_varint",
    "number_tag",
    "tag",
    "text",
    "timestamp",
    "timestamp_octets",
    "varint",
]
