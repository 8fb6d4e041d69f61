"""What `pretrained_students.py` tests on: its songs, their perturbed sound, and regressions on the 164 features."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pretrained_students_figures import REGRESSION, Array

from sentio_mobile._internal.files import write_bytes
from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.workers import in_threads
from sentio_mobile.audio.image import clip_to_mel
from sentio_mobile.audio.perturb import ChangePcm
from sentio_mobile.data.clip_table import SONGS, read_clip_rows
from sentio_mobile.data.perturbed import CHANGES
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.song_audio import SongAudio, find_split_audio, read_clips
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.probe.config import ProbeRecipe
from sentio_mobile.teacher.probe.cv import TrainingClips, choose, fit_ensemble, predict_ensembles
from sentio_mobile.teacher.probe.features import window_features
from sentio_mobile.teacher.probe.members import Inputs

TESTED_CHANGES = ("noise 30 dB", "mp3 64 kbit/s", "bright", "dark")
"""Names of `CHANGES` that students are tested under; the last two are an equalizer, +6 dB and -6 dB at 8 kHz."""

REGRESSIONS = tuple(
    (
        f"{REGRESSION}, {regressor}{', stretched' if spread == 'labels' else ''}",
        ProbeRecipe(inputs=("features",), regressors=(regressor,), inner_folds=5, spread=spread),
    )
    for regressor in ("ridge", "svr")
    for spread in ("regression", "labels")
)
"""Ridge and support vectors on 164 features, as they are and stretched to the spread of the labels as probes are. Their
settings are chosen by a grouped cross-validation within the training songs of each fold."""


@dataclass(frozen=True, kw_only=True)
class Songs:
    """The songs of all folds, in the order of the table."""

    ids: list[str]
    groups: list[str]
    labels: Array
    high: NDArray[np.bool_]


def read_songs(table: Path, data: PreparedData) -> Songs:
    """Songs of the table that were prepared, with the labels that the prepared folder gives them."""
    known = {
        song: label
        for split in data.splits.values()
        for song, label in zip(split.song_ids, split.labels, strict=True)
    }  # fmt: skip
    with table.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["song_id"] in known]
    return Songs(
        ids=[row["song_id"] for row in rows],
        groups=[row["group"] for row in rows],
        labels=np.array([known[row["song_id"]] for row in rows], dtype=np.float32),
        high=np.array([[row["v_high"] == "1", row["a_high"] == "1"] for row in rows]),
    )


def perturbed_sounds(fold: PreparedData, music: Path, out: Path) -> Iterator[tuple[str, NDArray[np.float16]]]:
    """The test songs' log-mels [songs, n_mels, n_frames] under each change, kept in `out` as the store keeps them."""
    songs = find_split_audio(fold, "test", music)
    key = hashlib.sha256(json.dumps([[song.song_id, song.start] for song in songs]).encode()).hexdigest()[:12]
    for name in TESTED_CHANGES:
        place = out / f"{name.replace(' ', '-').replace('/', '-')}-{key}.npy"
        if not place.is_file():
            mels = in_threads(partial(_changed_mel, audio=fold.audio, change=CHANGES[name]), songs)
            content = io.BytesIO()
            np.save(content, np.stack(list(mels)), allow_pickle=False)
            out.mkdir(parents=True, exist_ok=True)
            write_bytes(place, content.getvalue())
        yield name, np.load(place, mmap_mode="r", allow_pickle=False)


def _changed_mel(song: SongAudio, *, audio: AudioSpec, change: ChangePcm) -> NDArray[np.float16]:
    return clip_to_mel(read_clips(song, audio, change=change)[0], audio).astype(np.float16)


def song_features(data: PreparedData, ids: Sequence[str], music: Path) -> Array:
    """The 164 features of the evaluated window of each song [songs, 164], kept in the user's cache."""
    first = {clip.song_id: clip for clip in read_clip_rows(data.folder / SONGS) if clip.window == 0}
    return window_features(data, [first[song] for song in ids], music=music, progress=NoProgress())


def train_regressions(
    features: Array, songs: Songs, *, train: NDArray[np.int64], tests: dict[str, Array], seed: int
) -> dict[str, Array]:
    """Train each regression on the first windows of some songs, and predict others.

    Args:
        features: Features of all songs [songs, 164].
        songs: The songs.
        train: Numbers of the training songs.
        tests: Features [songs, 164] of what is predicted, by what is added to the regression's name.
        seed: Random seed of the inner folds.
    """
    clips = TrainingClips(
        inputs=Inputs(parts={"features": features[train]}),
        labels=songs.labels[train],
        groups=np.unique([songs.groups[i] for i in train], return_inverse=True)[1].astype(np.int64),
        fitted=np.ones(len(train), dtype=bool),
    )
    predicted = {}
    for name, recipe in REGRESSIONS:
        ensembles = fit_ensemble(clips, choose(clips, recipe), seed)
        for suffix, inputs in tests.items():
            predicted[f"{name}{suffix}"] = predict_ensembles(ensembles, Inputs(parts={"features": inputs}))
    return predicted
