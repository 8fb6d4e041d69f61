"""The audio files below a folder: the one list of their endings, and a count of what was passed over."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

AUDIO_SUFFIXES: tuple[str, ...] = (
    *(".mp3", ".flac", ".wav", ".m4a", ".ogg", ".aac", ".opus", ".wma", ".aif", ".aiff", ".aifc", ".oga", ".mp2"),
    *(".alac", ".m4b", ".mp4", ".m4v", ".mov", ".mka", ".mkv", ".webm", ".weba", ".3gp", ".avi", ".flv", ".au"),
    *(".snd", ".caf", ".w64", ".rf64", ".bwf", ".wv", ".ape", ".tta", ".mpc", ".tak", ".ac3", ".eac3", ".dts", ".amr"),
    *(".asf", ".mpga", ".dsf"),
)
"""File endings of songs, for a search through folders. The decoder looks at a file's content, never at its ending."""

_MAX_NAMED = 6
"""Endings and links that a note names."""


@dataclass(frozen=True)
class FoundAudio:
    """What a search through a folder found.

    Attributes:
        files: The audio files, below the folder as it was given, sorted by their parts.
        notes: What was passed over, a line for each kind.
        faults: A line for each folder that cannot be read.
    """

    files: tuple[Path, ...]
    notes: tuple[str, ...]
    faults: tuple[str, ...]


def is_audio_name(name: str) -> bool:
    """Whether a file's name ends as those of songs do."""
    return name.lower().endswith(AUDIO_SUFFIXES)


def endings() -> str:
    """The endings of songs, for messages: the first few and how many more there are."""
    return f"{', '.join(AUDIO_SUFFIXES[:8])} or one of {len(AUDIO_SUFFIXES) - 8} others"


def find_audio(root: Path) -> FoundAudio:
    """Find the audio files below a folder, at any depth.

    Hidden files and folders are left out. Links to folders are followed, but no folder is entered twice, and none that
    the searched one lies in, so that a loop of links ends.

    Args:
        root: The folder.
    """
    real = Path(os.path.realpath(root))
    entered = {_identity(folder) for folder in real.parents}
    folders: list[Path] = [root]
    links: list[Path] = []
    files: list[Path] = []
    faults: list[str] = []
    skipped: list[str] = []
    other: Counter[str] = Counter()
    while folders or links:
        # Links come last, so that a file that can be reached without one is found without it.
        folder, is_link = (folders.pop(), False) if folders else (links.pop(0), True)
        if is_link and _identity(folder) in entered:
            skipped.append(folder.relative_to(root).as_posix())
            continue
        entered.add(_identity(folder))
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            faults.append(f"{folder}: cannot be read ({error.strerror}); check its permissions")
            continue
        for entry in entries:
            path = folder / entry.name
            if _is_hidden(entry.name):
                continue
            if entry.is_dir():
                (links if entry.is_symlink() else folders).append(path)
            elif is_audio_name(entry.name):
                files.append(path)
            else:
                other[path.suffix.lower() or "without ending"] += 1
    files.sort(key=lambda path: path.parts)
    return FoundAudio(tuple(files), tuple(_notes(root, other, skipped)), tuple(sorted(faults)))


def _notes(root: Path, other: Counter[str], skipped: list[str]) -> Iterator[str]:
    if other:
        count = sum(other.values())
        kinds = _named([f"{times} {suffix}" for suffix, times in other.most_common()])
        files = "1 file is" if count == 1 else f"{count:,} files are"
        yield f"{root}: {files} passed over, whose endings are not those of sound: {kinds}"
    if skipped:
        links = "1 link to a folder is" if len(skipped) == 1 else f"{len(skipped):,} links to folders are"
        yield f"{root}: {links} not followed, because what they lead to is searched already: {_named(skipped)}"


def _named(names: list[str]) -> str:
    rest = len(names) - _MAX_NAMED
    return ", ".join(names[:_MAX_NAMED]) + (f" and {rest:,} more" if rest > 0 else "")


def _is_hidden(name: str) -> bool:
    # Archives made on a Mac have a shadow of each file in a folder of this name.
    return name.startswith(".") or name == "__MACOSX"


def _identity(folder: Path) -> tuple[int, int]:
    """What tells a folder from all others, by whatever path it is reached."""
    try:
        facts = folder.stat()
    except OSError:
        return (0, 0)
    return (facts.st_dev, facts.st_ino)
