"""What a file states of its own length: decoders correct it, or guess it, without a word, and a cut one looks whole."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO, Literal

_PLACEHOLDERS = frozenset({0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000})
"""Sizes that programs write into a chunk of which they do not know the end; those from `_UNKNOWN` on mean it, too."""

_UNKNOWN = 0xFFFFFF00

_LONGEST = 40
"""By how much the first mp3 frame can belie the rest: 320 kbit/s, where 8 follow."""

_MP3_SLACK = 3 * 1441
"""Bytes by which an mp3 may fall short of its header: three of the largest frames."""

_MP3_KBITS: tuple[tuple[int, ...], tuple[int, ...]] = (
    (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
)
"""Bit rates of layer III, ISO 13818-3 and ISO 11172-3."""

_MP3_HZ: tuple[int, ...] = (44100, 48000, 32000)

_MOST_CHUNKS = 1000
"""Chunks to look through before giving up: a file of zeros would have one every eight bytes."""

_WINDOW = 1 << 16
"""Bytes searched for the first mp3 frame, and for the last page of an ogg file, which has no more than 65,307."""


@dataclass(frozen=True)
class Length:
    """What the bytes of a file say, before any of them is decoded.

    Attributes:
        size: bytes that a decoder should take the file for.
        cut: whether the bytes alone show that something is missing.
        states: whether the decoder's count of frames, times `factor`, is what the file states. Otherwise it is a guess.
        factor: what to multiply that count by: some decoders correct it to what is there.
    """

    size: int
    cut: bool = False
    states: bool = True
    factor: float = 1.0


def length_of(file: BinaryIO) -> Length:
    """Read what a file states of its length; leaves the file at its beginning.

    wav, aiff: the size of the chunk with the samples. ogg: whether the last page says that it is the last. mp3: a
    Xing, Info or VBRI header; without one the file states nothing, and what shows a cut is a last frame that is not
    complete. flac, and all else: nothing here, the decoder's own count is the file's.
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
        found = Length(size, cut=not ends, states=ends)
    else:
        found = _mp3(file, start, size)
    file.seek(0)
    return found


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)


def _after_id3(file: BinaryIO) -> int:
    """Where the sound starts: behind an ID3v2 tag, whose size has seven bits a byte."""
    head = _read(file, 0, 10)
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    size = sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
    return 10 + size + (10 if head[5] & 0x10 else 0)


def _chunks(file: BinaryIO, size: int, wanted: bytes, order: Literal["little", "big"]) -> Length:
    """Walk chunks of four letters and a size until the one with the samples."""
    at, large = 12, 0
    for _ in range(_MOST_CHUNKS):
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
    return Length(_LONGEST * size, cut=not _mp3_ends(file, size), states=False, factor=1 / _LONGEST)


def _mp3_stated(stated: int, size: int) -> Length:
    """A file as large as its header says. Some headers are a frame or so off: only much less than stated is a cut."""
    return Length(stated, cut=size < stated - _MP3_SLACK)


def _mp3_ends(file: BinaryIO, size: int) -> bool:
    """Whether the last frame is complete, or something else than a frame, a tag, follows the last one."""
    tail = _read(file, max(0, size - _WINDOW), _WINDOW)
    at = _first_frame(tail)
    while at is not None and at + 4 <= len(tail):
        frame = _frame_bytes(tail[at : at + 4])
        if frame is None:
            return True
        at += frame
    return at is None or at <= len(tail)


def _first_frame(data: bytes) -> int | None:
    """Where a frame starts that two more of its kind follow."""
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
    """Bytes of a layer III frame with this header; None where it is no such header."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return None
    version, kbits, hz = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or kbits in (0, 15) or hz == 3:
        return None
    newest = version == 3
    rate = _MP3_HZ[hz] // (1 if newest else 2 if version == 2 else 4)
    return (144 if newest else 72) * 1000 * _MP3_KBITS[newest][kbits - 1] // rate + (header[2] >> 1 & 1)
