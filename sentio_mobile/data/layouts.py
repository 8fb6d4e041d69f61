"""What the readers of data sets share: finding tables and audio below a root, however archives were unpacked."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from sentio_mobile.audio.find import is_audio_name
from sentio_mobile.data.manifest_columns import tidy_id
from sentio_mobile.data.songs import csv_lines
from sentio_mobile.errors import LabelError

MAX_DEPTH = 7
"""Levels below a root that are searched."""
MAX_FOLDERS = 5000
"""Folders that are searched, so that a large library is not walked for the sake of a data set that is not there."""


def folders_below(root: Path, skip: Callable[[str], bool] | None = None) -> Iterator[Path]:
    """The root and the folders below it, level by level and each level by name; hidden ones are passed over.

    Args:
        root: The folder.
        skip: Given a folder's name, whether nothing below that folder is searched.
    """
    waiting, seen = deque([(root, 0)]), 0
    while waiting and seen < MAX_FOLDERS:
        folder, depth = waiting.popleft()
        seen += 1
        yield folder
        if depth >= MAX_DEPTH or (skip is not None and depth and skip(folder.name)):
            continue
        try:
            with os.scandir(folder) as entries:
                below = sorted(entry.name for entry in entries if entry.is_dir())
        except OSError:
            continue
        waiting.extend((folder / name, depth + 1) for name in below if not is_hidden(name))


def is_hidden(name: str) -> bool:
    """Whether a file or folder is none of the user's."""
    # Archives made on a Mac have a shadow of each file in a folder of this name.
    return name.startswith(".") or name == "__MACOSX"


def find_table(root: Path, pattern: str, columns: Collection[str]) -> Path | None:
    """The highest CSV below a root whose name matches a pattern and whose header has these columns; or None."""
    for folder in folders_below(root):
        for path in sorted(folder.glob(pattern)):
            if set(columns) <= set(header_of(path)):
                return path
    return None


def header_of(path: Path) -> list[str]:
    """The header of a CSV; empty for what is no CSV."""
    try:
        return next(csv_lines(path, ""), (0, []))[1] if path.is_file() else []
    except LabelError:
        return []


def audio_by_stem(folder: Path) -> dict[str, Path]:
    """The audio files of a folder by their names without endings, as tables name them."""
    try:
        files = sorted(file for file in folder.iterdir() if is_audio_name(file.name))
    except OSError:
        return {}
    return {tidy_id(file.stem): file for file in files if not is_hidden(file.name)}


def find_audio(root: Path, ids: Collection[str], usual: str) -> dict[str, Path]:
    """The audio files of the songs of a table, from the folder below a root that has most of them.

    Args:
        root: The data set's root.
        ids: Ids of the songs, which are the names of their files.
        usual: Name of the folder that has them as a rule; it is preferred to others that have as many.

    Returns:
        All audio files of that folder by their names without endings.

    Raises:
        LabelError: No folder has any.
    """
    wanted, best, found = set(ids), (0, False), dict[str, Path]()
    for folder in folders_below(root):
        files = audio_by_stem(folder)
        rank = (len(wanted & files.keys()), folder.name.lower() == usual.lower())
        if rank[0] and rank > best:
            best, found = rank, files
    if not found:
        raise LabelError(
            f"{root}: has labels of {len(wanted)} songs, and no folder with their audio (usually {usual}, with files "
            f"such as {next(iter(ids))}.mp3); unpack the audio there"
        )
    return found


def first_few(names: Sequence[str]) -> str:
    """The first names of many."""
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
