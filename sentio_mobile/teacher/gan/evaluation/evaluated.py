"""What is judged: samples that were written to a folder, or a generator that makes them now."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sentio_mobile._internal.progress import Progress
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import InputError
from sentio_mobile.teacher.gan.evaluation.clips import Clips, made_clips

_AT_ONCE = 16


def open_subject(place: Path, data: PreparedData, *, n: int, seed: int, progress: Progress) -> Clips:
    """Samples to judge.

    A generator is asked for the labels of training songs, drawn with replacement: asked for others, its samples would
    differ from songs for that alone. Of written samples `n` are drawn.

    Args:
        place: a folder that `teacher gan sample` wrote, or a generator's checkpoint.
        data: the songs that they will be judged by.
        n: how many samples, at most.
        seed: of the draw, and of the generator's noise.
        progress: shown as samples are made.

    Raises:
        InputError: the folder is neither, or it is damaged; or the generator was trained on classes, or follows
            another front end than the songs.
    """
    from sentio_mobile.data.gan_samples import OLD_SHEET, SHEET, open_gan_samples

    rng = np.random.default_rng(seed)
    if (place / SHEET).is_file() or (place / OLD_SHEET).is_file():
        stored = open_gan_samples(place)
        _require_audio(place, stored.audio.log_mel == data.audio.log_mel, data)
        chosen = np.sort(rng.permutation(len(stored.mels))[:n])
        return made_clips(place.name, stored.mels, stored.labels).part(chosen)
    from sentio_mobile.teacher.gan.checkpoint import GanCheckpoint

    gan = GanCheckpoint.load(place)
    if gan.classes:
        raise InputError(
            f"{place}: was trained on classes, and is judged by ear: `sentio-mobile teacher gan render`; "
            "songs have valence and arousal"
        )
    _require_audio(place, gan.audio.log_mel == data.audio.log_mel, data)
    songs = data.split("train").labels
    labels = songs[rng.integers(0, len(songs), n)]
    mels = np.empty((n, data.audio.n_mels, data.audio.n_frames), dtype=np.float16)
    progress.start("making samples", n)
    for at in range(0, n, _AT_ONCE):
        part = labels[at : at + _AT_ONCE]
        mels[at : at + len(part)] = gan.sample(part, seed + at, batch=_AT_ONCE)
        progress.advance(len(part))
    progress.finish()
    return made_clips(place.name, mels, labels)


def _require_audio(place: Path, same: bool, data: PreparedData) -> None:
    if not same:
        raise InputError(
            f"{place}: follows another front end than {data.folder} was prepared with; judge it by the songs that it "
            "learnt from"
        )
