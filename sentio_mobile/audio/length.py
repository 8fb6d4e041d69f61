"""The length that an audio file states. Decoders silently correct or guess it, so that a cut file looks whole."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO, Literal

_PLACEHOLDERS = frozenset({0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000})
"""Sizes that programs write into a chunk whose end they do not know. Sizes from `_UNKNOWN` on mean the same."""

_UNKNOWN = 0xFFFFFF00

_MAX_RATE_RATIO = 40
"""Largest ratio of the first mp3 frame's bit rate to the others': 320 kbit/s, followed by 8."""

_MP3_MAX_MISSING = 3 * 1441
"""Bytes that an mp3 may lack compared with its header: three of the largest frames."""

_MP3_KBITS: tuple[tuple[int, ...], tuple[int, ...]] = (
    (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
)
"""Bit rates of layer III in kbit/s, ISO 13818-3 and ISO 11172-3."""

_MP3_HZ: tuple[int, ...] = (44100, 48000, 32000)

_MAX_CHUNKS = 1000
"""Chunks that are searched before giving up. A file of zeros would have one every eight bytes."""

_WINDOW = 1 << 16
"""Bytes that are searched for the first mp3 frame, and for the last page of an ogg file (at most 65,307 bytes)."""


@dataclass(frozen=True)
class Length:
    """The length of a file according to its bytes, before any is decoded.

    Attributes:
        size: Size in bytes that the decoder should be told.
        is_cut: Whether the bytes alone show that something is missing.
        is_stated: Whether the file states its length. Otherwise the decoder's count of frames is a guess.
        factor: Factor from the decoder's count of frames to the stated one. Some decoders correct the count to what is
            there.
    """

    size: int
    is_cut: bool = False
    is_stated: bool = True
    factor: float = 1.0


def length_of(file: BinaryIO) -> Length:
    """Read the length that a file states, and leave the file at its beginning.

    - wav, aiff: the size of the chunk with the samples.
    - ogg: whether the last page is marked as the last.
    - mp3: a Xing, Info or VBRI header. Without one, no length is stated, and an incomplete last frame shows a cut.
    - flac and all others: nothing. The decoder's count is the stated one.
    """
    size = os.fstat(file.fileno()).st_size
    start = _after_id3(file)
    kind = _read(file, start, 12)
    if kind[:4] in (b"RIFF", b"RF64") and kind[8:] == b"WAVE":
        found = _chunks(file, size, b"data", "little")
    elif kind[:4] == b"FORM" and kind[8:11] == b"AIF":
        found = _chunks(file, size, b"SSND", "big")
    elif kind[:4] == b"OggS":
        ends = _ogg_ends(file, size)
        found = Length(size, is_cut=not ends, is_stated=ends)
    else:
        found = _mp3(file, start, size)
    file.seek(0)
    return found


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)


def _after_id3(file: BinaryIO) -> int:
    """Offset of the sound, after an ID3v2 tag. The size of the tag has seven bits a byte."""
    head = _read(file, 0, 10)
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    size = sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
    return 10 + size + (10 if head[5] & 0x10 else 0)


def _chunks(file: BinaryIO, size: int, wanted: bytes, order: Literal["little", "big"]) -> Length:
    """Find the chunk with the samples. A chunk begins with four letters and its size."""
    at, large = 12, 0
    for _ in range(_MAX_CHUNKS):
        if len(head := _read(file, at, 8)) < 8:
            break
        stated = int.from_bytes(head[4:], order)
        if head[:4] == b"ds64":
            large = int.from_bytes(_read(file, at + 16, 8), "little")
        if head[:4] == wanted:
            if stated >= _UNKNOWN and large:
                stated = large
            if stated in _PLACEHOLDERS or (stated >= _UNKNOWN and not large):
                return Length(size)
            return Length(size, factor=max(1.0, stated / max(1, size - at - 8)))
        at += 8 + stated + stated % 2
    return Length(size)


def _ogg_ends(file: BinaryIO, size: int) -> bool:
    first = max(0, size - _WINDOW)
    tail = _read(file, first, _WINDOW)
    page = tail.rfind(b"OggS")
    if page < 0 or len(tail) < page + 27:
        return False
    body = page + 27 + tail[page + 26]
    complete = body <= len(tail) and body + sum(tail[page + 27 : body]) <= len(tail)
    return complete and bool(tail[page + 5] & 4)


def _mp3(file: BinaryIO, start: int, size: int) -> Length:
    head = _read(file, start, _WINDOW)
    first = _first_frame(head)
    if first is None:
        return Length(size)
    xing = max(head.find(b"Xing", first, first + 48), head.find(b"Info", first, first + 48))
    if xing >= 0:
        flags, frames, stated = (int.from_bytes(head[at : at + 4], "big") for at in range(xing + 4, xing + 16, 4))
        if flags & 1 and frames:
            return _mp3_stated(start + first + stated, size) if flags & 2 else Length(size)
    if head[first + 36 : first + 40] == b"VBRI":
        return _mp3_stated(start + first + int.from_bytes(head[first + 46 : first + 50], "big"), size)
    return Length(_MAX_RATE_RATIO * size, is_cut=not _mp3_ends(file, size), is_stated=False, factor=1 / _MAX_RATE_RATIO)


def _mp3_stated(stated: int, size: int) -> Length:
    """The length that the header states. Some headers are a frame or so off: only a much smaller file is cut."""
    return Length(stated, is_cut=size < stated - _MP3_MAX_MISSING)


def _mp3_ends(file: BinaryIO, size: int) -> bool:
    """Whether the last frame is complete, or is followed by something else, such as a tag."""
    tail = _read(file, max(0, size - _WINDOW), _WINDOW)
    at = _first_frame(tail)
    while at is not None and at + 4 <= len(tail):
        frame = _frame_bytes(tail[at : at + 4])
        if frame is None:
            return True
        at += frame
    return at is None or at <= len(tail)


def _first_frame(data: bytes) -> int | None:
    """Offset of the first frame that two more of its kind follow."""
    at = data.find(b"\xff")
    while at >= 0:
        chain, here = 0, at
        while chain < 3 and (frame := _frame_bytes(data[here : here + 4])) and data[here + 1] == data[at + 1]:
            chain, here = chain + 1, here + frame
        if chain == 3:
            return at
        at = data.find(b"\xff", at + 1)
    return None


def _frame_bytes(header: bytes) -> int | None:
    """Size in bytes of a layer III frame with this header; None for anything else."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return None
    version, kbits, hz = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or kbits in (0, 15) or hz == 3:
        return None
    newest = version == 3
    rate = _MP3_HZ[hz] // (1 if newest else 2 if version == 2 else 4)
    return (144 if newest else 72) * 1000 * _MP3_KBITS[newest][kbits - 1] // rate + (header[2] >> 1 & 1)
