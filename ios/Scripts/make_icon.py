"""Draw the app's icon, 1024 x 1024 without an alpha channel: python3 Scripts/make_icon.py

A plane with its two axes and one point in the pleasant, energetic quarter. Standard library only.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

SIZE = 1024
ICON = Path(__file__).resolve().parent.parent / "Demo/Assets.xcassets/AppIcon.appiconset/AppIcon.png"

BACKGROUND = ((56, 79, 184), (28, 38, 96))
"""Colours of the upper left and of the lower right corner."""

AXIS, POINT, HALO = (150, 166, 232), (255, 196, 87), (255, 226, 170)
CENTRE, RADIUS, GLOW = (672, 352), 92, 176


def colour(x: int, y: int) -> tuple[int, int, int]:
    """One pixel; edges of round shapes are blended over one pixel."""
    share = (x + y) / (2 * (SIZE - 1))
    first, last = BACKGROUND
    pixel = tuple(a + (b - a) * share for a, b in zip(first, last, strict=True))
    if (abs(x - SIZE / 2 + 0.5) < 8 and 128 <= y < 896) or (abs(y - SIZE / 2 + 0.5) < 8 and 128 <= x < 896):
        pixel = AXIS
    distance = ((x + 0.5 - CENTRE[0]) ** 2 + (y + 0.5 - CENTRE[1]) ** 2) ** 0.5
    for radius, paint, opacity in ((GLOW, HALO, 0.3), (RADIUS, POINT, 1.0)):
        cover = opacity * min(1.0, max(0.0, radius - distance + 0.5))
        pixel = tuple(a + (b - a) * cover for a, b in zip(pixel, paint, strict=True))
    red, green, blue = (round(value) for value in pixel)
    return red, green, blue


def png() -> bytes:
    """The picture as a PNG file of true colour."""
    rows = b"".join(b"\0" + b"".join(bytes(colour(x, y)) for x in range(SIZE)) for y in range(SIZE))
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


if __name__ == "__main__":
    ICON.write_bytes(png())
