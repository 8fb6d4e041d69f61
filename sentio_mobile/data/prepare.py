"""Labelled audio of any origin becomes a prepared data folder: decoded, turned to log-mels, split, written once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from sentio_mobile.audio.decode import decode, fit
from sentio_mobile.audio.frontend import unit_of_clip
from sentio_mobile.data.deam import AUDIO, GENERATED_NOTE, is_deam, read_deam
from sentio_mobile.data.manifest import read_manifest
from sentio_mobile.data.prepared import MELS, SHEET, SONGS, write_songs
from sentio_mobile.data.songs import Song
from sentio_mobile.data.splits import SPLITS, split_songs
from sentio_mobile.errors import AudioError, DataError, LabelError
from sentio_mobile.files import new_folder, read_json, sha256, write_json
from sentio_mobile.progress import Progress, Silent
from sentio_mobile.recipes import DataRecipe
from sentio_mobile.spec import AudioSpec

MOST_UNUSABLE = 0.05
"""Share of clips that may be unusable before preparation stops: more of them is a fault, not bad luck."""


def prepare(
    source: Path,
    out: Path,
    recipe: DataRecipe,
    audio: AudioSpec,
    progress: Progress | None = None,
    replace: bool = False,
) -> list[str]:
    """Prepare a DEAM folder or a manifest CSV.

    Args:
        source: DEAM's root folder, or a manifest.
        out: the prepared data folder to write.
        recipe: windows, scale and splits.
        audio: the front end.
        progress: shown as clips are done.
        replace: an existing `out` gives way.

    Returns:
        One line for each clip that was skipped because it holds no usable audio.

    Raises:
        LabelError: the labels are not what they must be.
        DataError: more than 5% of the clips are unusable, or there are too few songs.
        OutputError: `out` cannot be written.
    """
    progress = progress or Silent()
    songs = _read_songs(source, recipe)
    with new_folder(out, replace) as part:
        shape = (len(songs), audio.n_mels, audio.n_frames)
        mels = np.lib.format.open_memmap(part / MELS, mode="w+", dtype=np.float16, shape=shape)

        def one(row: int) -> str | None:
            try:
                pcm = decode(songs[row].path, audio.sample_rate)
            except AudioError as error:
                return str(error)
            start = max(0, len(pcm) - audio.n_samples) // 2 if recipe.window == "middle" else 0
            mels[row] = unit_of_clip(fit(pcm, audio, start), audio)
            return None

        faults = _for_each(len(songs), one, progress)
        mels.flush()
        if len(faults) > MOST_UNUSABLE * len(songs):
            first = faults[min(faults)]
            raise DataError(f"{len(faults)} of {len(songs)} clips are unusable, more than 5%; the first: {first}")
        usable = [row for row in range(len(songs)) if row not in faults]
        splits = split_songs([songs[row] for row in usable], recipe.fractions, recipe.seed)
        root = source if source.is_dir() else source.parent
        write_songs(
            part / SONGS,
            [
                {
                    "song_id": songs[row].song_id,
                    "row": row,
                    "split": split,
                    "group": songs[row].group,
                    "valence": f"{songs[row].valence:.6f}",
                    "arousal": f"{songs[row].arousal:.6f}",
                    "path": os.path.relpath(songs[row].path, root),
                }
                for row, split in zip(usable, splits, strict=True)
            ],
        )
        sheet = {
            "audio": audio.to_dict(),
            "labels": _origin_of_labels(source),
            "source": source.name,
            "layout": "deam" if source.is_dir() else "manifest",
            "scale": "1-9" if source.is_dir() else recipe.scale,
            "window": recipe.window,
            "split_seed": recipe.seed,
            "split_fractions": recipe.fractions,
            "songs": {name: splits.count(name) for name in SPLITS},
            "groups": len({songs[row].group for row in usable}),
            "skipped": [faults[row] for row in sorted(faults)],
            "fingerprint": hashlib.sha256((sha256(part / SONGS) + sha256(part / MELS)).encode()).hexdigest(),
        }
        write_json(part / SHEET, sheet)
    return [faults[row] for row in sorted(faults)]


def _read_songs(source: Path, recipe: DataRecipe) -> list[Song]:
    if source.is_dir():
        if not is_deam(source):
            raise LabelError(
                f"{source}: is not laid out as DEAM (no {AUDIO}); give DEAM's root folder or a manifest CSV"
            )
        return read_deam(source)
    return read_manifest(source, recipe.scale)


def _origin_of_labels(source: Path) -> str:
    """`generated` for music that this package made, and `rated` for everything else."""
    note = source / GENERATED_NOTE
    return str(read_json(note, LabelError).get("labels", "rated")) if note.is_file() else "rated"


def _for_each(count: int, work: Callable[[int], str | None], progress: Progress) -> dict[int, str]:
    """Run `work` on every row in threads; decoding and Fourier transforms let go of the interpreter lock."""
    faults: dict[int, str] = {}
    progress.start("log-mel spectrograms", count)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for row, fault in enumerate(pool.map(work, range(count))):
                if fault is not None:
                    faults[row] = fault
                progress.advance(note=f"{len(faults)} skipped" if faults else "")
        finally:
            pool.shutdown(cancel_futures=True)
            progress.finish()
    return faults
