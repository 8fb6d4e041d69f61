"""Files of a table that do not exist: they are counted before anything is decoded, with a guess at the reason."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from sentio_mobile.audio.find import is_audio_name
from sentio_mobile.errors import DataError

_DRIVE = re.compile(r"(^|/)[A-Za-z]:[\\/]")
_ADDRESS = re.compile(r"(^|/)([a-z][a-z0-9+.-]+):/")


def refuse_missing(files: Sequence[Path], share: float) -> None:
    """Stop if more files are missing than a source may lack.

    Args:
        files: All files of the source.
        share: Largest share of them that may be missing.

    Raises:
        DataError: More are missing.
    """
    missing = [file for file in files if not os.path.exists(file)]  # noqa: PTH110 - Path.exists fails on long names
    if len(missing) > share * len(files) and len(missing) > 1:
        first = missing[0]
        hint = hint_at(first)
        raise DataError(
            f"{len(missing):,} of {len(files):,} files do not exist; the first: {first}"
            f"{f'; {hint}' if hint else '; check the paths'}"
        )


def hint_at(file: Path) -> str:
    """What may be wrong with the path of a file that does not exist; empty without a guess."""
    text = str(file)
    if _DRIVE.search(text):
        return "it is an absolute path of Windows; write paths relative to the table's folder"
    if address := _ADDRESS.search(text):
        return f"it is an address ({address[2]}:), not a path; write paths relative to the table's folder"
    try:
        beside = sorted(other for other in file.parent.iterdir() if is_audio_name(other.name))
    except OSError as error:
        return f"its folder cannot be read ({error.strerror})"
    for other in beside:
        if other.name.lower() == file.name.lower():
            return f"{other} exists: capital letters count"
    for other in beside:
        if file.name in (other.stem, f"{other.stem}.0") or (file.suffix == ".0" and file.stem == other.stem):
            return f"{other} exists: add the ending?"
    for other in beside:
        if other.stem == file.stem:
            return f"{other} exists: another ending?"
    return ""
