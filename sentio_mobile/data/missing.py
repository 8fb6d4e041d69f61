"""Files that a table names and that are not there: counted before anything is decoded, with a hint at the cause."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from sentio_mobile._internal.record_messages import shown
from sentio_mobile.audio.find import AUDIO_SUFFIXES, is_audio_name
from sentio_mobile.data.layouts import folders_below
from sentio_mobile.data.manifest_columns import tidy_id
from sentio_mobile.errors import DataError

MAX_UNUSABLE = 0.05
"""Share of songs that may be unusable. More of them point to a fault of the whole source, and preparation stops."""

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):/")


def refuse_missing(files: Sequence[Path], root: Path) -> None:
    """Refuse files of which more than 5% are missing. A few are skipped and named when songs are prepared.

    Args:
        files: The audio files of the songs.
        root: The folder that paths start from.

    Raises:
        DataError: Too many files do not exist. The line counts them, and says what is nearly right.
    """
    every = list(dict.fromkeys(files))
    missing = [path for path in every if not os.path.exists(path)]  # noqa: PTH110 - Path.exists fails on long names
    if len(missing) > MAX_UNUSABLE * len(every):
        raise DataError(
            f"{root}: {len(missing):,} of {len(every):,} files do not exist, such as "
            f"{shown(_relative(missing[0], root))}; {_hint(missing[0], root)}"
        )


def _hint(path: Path, root: Path) -> str:
    text = _relative(path, root)
    beside = _names(path.parent)
    name, stem = path.name, path.stem
    for other in beside:
        if other.lower() == name.lower() or (_audio(other) and Path(other).stem.lower() == name.lower()):
            advice = "add the ending?" if len(other) > len(name) else "write the name as the file has it"
            return f"{shown(_relative(path.parent / other, root))} exists: {advice}"
    for other in beside:
        if _audio(other) and Path(other).stem == stem:
            return f"{shown(_relative(path.parent / other, root))} exists: write its ending"
    for other in beside:
        if _audio(other) and Path(other).stem in (tidy_id(stem), tidy_id(name)):
            return (
                f"{shown(_relative(path.parent / other, root))} exists: a spreadsheet or pandas wrote the numbers with "
                "a point; write whole numbers"
            )
    wanted = {name, tidy_id(name), *(f"{tidy_id(part)}{suffix}" for part in (name, stem) for suffix in AUDIO_SUFFIXES)}
    base = root if root.is_dir() else root.parent
    absolute = _absolute(text)
    for folder in folders_below(base):
        if at := next((other for other in _names(folder) if other in wanted or other.lower() == name.lower()), None):
            there = f"{shown(_relative(folder / at, base))} exists"
            if absolute:
                return f"it is {absolute}; {there}: write paths from {base}"
            return (
                f"{there}: paths start from {base}; write the folder too (--columns path='FOLDER/{{NAME}}.mp3' makes "
                "paths of a column)"
            )
    return f"it is {absolute}; write paths from {base}" if absolute else f"paths start from {base}; check them"


def _absolute(text: str) -> str:
    """What a path is that does not start from the table's folder, in words; empty for one that does."""
    if address := _ADDRESS.match(text):
        return f"an address ({address[1]}:), not a path"
    if _DRIVE.match(text):
        return "a path of a Windows computer"
    return "an absolute path" if Path(text).is_absolute() else ""


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _audio(name: str) -> bool:
    return is_audio_name(name)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:
        return []
