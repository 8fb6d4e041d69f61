"""The 164 audio features of prepared windows, kept in the user's cache by the clip's checksum."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import user_cache, write_bytes
from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.workers import in_threads
from sentio_mobile.data.clip_table import ClipRow
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.song_audio import SongAudio, find_audio_files, read_clips
from sentio_mobile.teacher.ensemble.features import FEATURE_NAMES, extract_features


def window_features(
    data: PreparedData, clips: Sequence[ClipRow], *, music: Path, progress: Progress
) -> NDArray[np.float32]:
    """The features of windows [clips, 164]. What was computed before, also by a run that was killed, is read.

    A perturbed copy has those of the sound before it was perturbed, which are computed once for all of them.

    Args:
        data: The prepared songs.
        clips: Some of its windows.
        music: Folder that the paths in songs.csv start from.
        progress: Updated for each window.

    Raises:
        DataError: An audio file is missing, or is not the file that was prepared.
        MissingExtraError: librosa is not installed.
    """
    key = hashlib.sha256(json.dumps(FEATURE_NAMES).encode()).hexdigest()[:16]
    folder = user_cache("features") / key
    # The first of the windows of one stretch of a song: the sound as it is, where that is among them.
    stretches = {(clip.song_id, clip.start): clip for clip in reversed(clips)}
    asked, clips = clips, list(stretches.values())
    files: dict[str, Path] = {}
    missing = [clip for clip in clips if not _place(folder, data, clip).is_file()]
    if missing:
        files = find_audio_files(missing, data, music)

    def features_of(clip: ClipRow) -> NDArray[np.float32]:
        place = _place(folder, data, clip)
        if (known := _read(place)) is not None:
            return known
        path = files.get(clip.song_id) or find_audio_files([clip], data, music)[clip.song_id]
        pcm = read_clips(SongAudio.of(clip, path), data.audio)[0]
        row, content = extract_features(pcm, data.audio.sample_rate), io.BytesIO()
        np.save(content, row, allow_pickle=False)
        write_bytes(place, content.getvalue())
        return row

    progress.start(f"164 features: {data.folder.name}", len(clips))
    found = {}
    for stretch, row in zip(stretches, in_threads(features_of, clips), strict=True):
        found[stretch] = row
        progress.advance()
    progress.finish()
    return np.stack([found[clip.song_id, clip.start] for clip in asked])


def _read(place: Path) -> NDArray[np.float32] | None:
    """Features that were computed before; None if there are none, or they are damaged."""
    try:
        found = np.load(place, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return found if found.shape == (len(FEATURE_NAMES),) and found.dtype == np.float32 else None


def _place(folder: Path, data: PreparedData, clip: ClipRow) -> Path:
    checksum = f"{int(data.store.checksums[clip.row]):016x}"
    return folder / checksum[:2] / f"{checksum}.npy"
