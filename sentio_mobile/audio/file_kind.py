"""What a file is that is not what its name says: the first bytes tell, and the message can say what to do."""

from __future__ import annotations

from typing import BinaryIO

_HEAD = 1024


def kind_of(file: BinaryIO) -> str | None:
    """Name a file that holds no sound by its first bytes, in words that follow the file's name.

    Args:
        file: The content of a file that could not be read as what it should be.

    Returns:
        For example "is a Git LFS pointer, not the file itself; run `git lfs pull`", or None for an unknown kind.
    """
    try:
        file.seek(0)
        head = file.read(_HEAD)
    except OSError:
        return None
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"version https://git-lfs.github.com/spec/"):
        return "is a Git LFS pointer, not the file itself; run `git lfs pull` where it came from"
    if text.startswith((b"<!doctype html", b"<html", b"<head")):
        return "is a web page (HTML), probably an error page that was saved in its place; download it again"
    if text.startswith((b"<?xml", b"{", b"[")):
        return "is a text file (XML or JSON), probably an error message that was saved in its place; download it again"
    if head[4:8] == b"ftyp":
        return "is an MPEG-4 file (m4a, mp4) without its index: it was cut, or never finished; copy it again"
    if any(head.startswith(mark) for mark in (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!")):
        return "is an archive; unpack it and give the files in it"
    if any(head.startswith(mark) for mark in (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM")):
        return "is a picture; give a file with sound in it"
    if text.startswith((b"#extm3u", b"[playlist]", b"ffconcat", b"#!")):
        return "is a list or a script, not sound; give the files that it names"
    if head and not head.strip(b"\0"):
        return "holds nothing but zeros, as a download does that was never finished; copy it again from its source"
    return None
