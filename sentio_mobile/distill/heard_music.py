"""What an online teacher hears before training: the music that is held out, and a sample to scale embeddings by."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import replace
from sentio_mobile.distill.online_teacher import OnlineTeacher
from sentio_mobile.distill.pretrain_data import Music
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings
from sentio_mobile.training.sources import TrainingSource, WindowEmbeddings

_SAMPLE = 256
"""Clips that mean and standard deviation of embeddings are taken from: 2,560 time steps."""

_CLIPS = 16
"""Clips that are heard at once."""


@dataclass(frozen=True, kw_only=True)
class HeardMusic:
    """Music, as far as an online teacher has heard it.

    Attributes:
        music: The music, with embeddings of the clips that are held out.
        sample: Embeddings of some of the clips that are learned.
    """

    music: Music
    sample: tuple[WindowEmbeddings, ...]


def hear_music(teacher: OnlineTeacher, music: Music, *, seed: int, progress: Progress) -> HeardMusic:
    """Hear the clips that are held out, and a sample of those that are learned, as they are stored.

    Args:
        teacher: The encoder.
        music: The music, without embeddings.
        seed: Random seed of the sample.
        progress: Shown clip by clip.
    """
    chosen = np.sort(np.random.default_rng(seed).permutation(music.n_train)[:_SAMPLE])
    progress.start("the encoder hears music", music.n_held_out + len(chosen))
    held_out = tuple(
        replace(source, embeddings=_heard(teacher, source, source.windows[:, 0], progress)) for source in music.held_out
    )
    ends = np.cumsum([len(source) for source in music.train])
    parts = np.split(chosen, np.searchsorted(chosen, ends)[:-1])
    sample = tuple(
        _heard(teacher, source, source.windows[rows - end, 0], progress)  # rows end at the source's end
        for source, rows, end in zip(music.train, parts, ends, strict=True)
        if len(rows)
    )
    progress.finish()
    return HeardMusic(music=replace(music, held_out=held_out), sample=sample)


def _heard(
    teacher: OnlineTeacher, source: TrainingSource, rows: NDArray[np.int64], progress: Progress
) -> WindowEmbeddings:
    """Embeddings and tags of rows of a source's store."""
    found: list[Sequence[NDArray[np.float16]]] = []
    for start in range(0, len(rows), _CLIPS):
        mels = np.stack([source.log_mels.mels[row] for row in rows[start : start + _CLIPS]]).astype(np.float32)
        heard = teacher.embed(torch.from_numpy(mels), range(teacher.steps))
        found.append([values.numpy().astype(np.float16) for values in heard])
        progress.advance(len(mels))
    embeddings, tags = (np.concatenate(values) for values in zip(*found, strict=True))
    clips = ClipEmbeddings(
        path=Path(f"{teacher.info.name}, heard in training"),
        info=teacher.info,
        checksums=np.arange(len(rows), dtype=np.uint64),
        embeddings=embeddings,
        tags=tags,
        tag_names=teacher.tag_names,
        digest=hashlib.sha256(embeddings.tobytes() + tags.tobytes()).hexdigest(),
    )
    return WindowEmbeddings(clips=clips, rows=np.arange(len(rows))[:, None])
