"""The image is one transparent dot."""

import struct

from pixel_service.endpoint.image import PIXEL_GIF


def test_image_is_one_transparent_dot_of_43_octets() -> None:
    """The octets say so in the words of GIF89a: one by one, colour 0 transparent and drawn."""
    width, height = struct.unpack("<HH", PIXEL_GIF[6:10])
    control = PIXEL_GIF[19:27]
    codes = int.from_bytes(PIXEL_GIF[39:41], "little")

    assert len(PIXEL_GIF) == 43
    assert PIXEL_GIF.startswith(b"GIF89a")
    assert PIXEL_GIF.endswith(b"\x00\x3b")
    assert (width, height) == (1, 1)
    assert control[3] & 1 == 1  # the transparent colour flag
    assert control[6] == 0  # is colour 0
    # Clear (4), colour 0, end of information (5), three bits each.
    assert [codes & 7, codes >> 3 & 7, codes >> 6 & 7] == [4, 0, 5]
