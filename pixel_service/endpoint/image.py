"""The image: one transparent dot, written out from the GIF89a specification."""

from typing import Final

# Section numbers are those of the Graphics Interchange Format, version 89a.
PIXEL_GIF: Final = b"".join(
    (
        b"GIF89a",  # header (17)
        # Logical screen descriptor (18): one by one dot, a global colour table of
        # two colours (0x80), background colour 0, no aspect ratio.
        b"\x01\x00\x01\x00\x80\x00\x00",
        # Global colour table (19): readers want both colours, though one is used.
        b"\xff\xff\xff\x00\x00\x00",
        # Graphic control extension (23): colour 0 is transparent, so that nothing
        # shows on dark backgrounds either; no delay.
        b"\x21\xf9\x04\x01\x00\x00\x00\x00",
        # Image descriptor (20): at 0, 0, one by one, no colour table of its own.
        b"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00",
        # Image data (22): codes of three bits, least significant bit first: clear
        # (4), colour 0 (0), end of information (5).
        b"\x02\x02\x44\x01\x00",
        b"\x3b",  # trailer (27)
    )
)
