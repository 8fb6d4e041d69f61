"""Features of windows are computed once: what a run left in the cache is read, unless it is damaged."""

from pathlib import Path

import numpy as np
import pytest

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile.data.clip_table import SONGS, read_clip_rows
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.song_audio import SongAudio, find_audio_files, read_clips
from sentio_mobile.errors import DataError
from sentio_mobile.teacher.ensemble.features import extract_features
from sentio_mobile.teacher.probe.features import window_features


def test_window_features_are_read_from_the_cache(
    data: PreparedData, deam: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    rows = read_clip_rows(data.folder / SONGS)[:2]
    with pytest.raises(DataError, match="is missing"):
        window_features(data, rows, music=tmp_path, progress=NoProgress())
    found = window_features(data, rows, music=deam, progress=NoProgress())
    path = find_audio_files(rows, data, deam)[rows[1].song_id]
    clip = read_clips(SongAudio(rows[1].song_id, path, rows[1].start), data.audio)[0]
    assert np.array_equal(found[1], extract_features(clip, data.audio.sample_rate))
    assert np.array_equal(window_features(data, rows, music=tmp_path, progress=NoProgress()), found)
    damaged = next(tmp_path.rglob("*.npy"))
    damaged.write_bytes(b"x")
    assert np.array_equal(window_features(data, rows, music=deam, progress=NoProgress()), found)
