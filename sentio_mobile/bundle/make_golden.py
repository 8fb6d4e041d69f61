"""Make golden vectors from generated music, so that a bundle carries nobody's recording.

They are chosen so that the outputs are spread as widely as the model allows. With them go sounds on which front ends
are known to break.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile.audio.image import clip_to_image, to_input
from sentio_mobile.bundle.golden import Golden, clip_of_excerpt, hard_sounds, join
from sentio_mobile.data.generated import Song, draw_songs, render
from sentio_mobile.spec import AudioSpec, ModelSpec

VECTORS = 12
CANDIDATES = 48
SEED = 20_417
EXCERPT_S = (10.0, 14.0)
"""The part of a generated song that is kept: whole clips would make a bundle several times as large."""


def make_golden(model: nn.Module, spec: ModelSpec, progress: Progress | None = None) -> Golden:
    """Render candidates, ask the model for its answers, and keep those that lie farthest apart and the hard sounds.

    Args:
        model: takes the form `spectrogram`.
        spec: its spec.
        progress: shown as candidates are answered.
    """
    progress = progress or NoProgress()
    progress.start("golden vectors", CANDIDATES)
    candidates = []
    for song in draw_songs(CANDIDATES, SEED):
        candidates.append(_vector(_excerpt(song, spec.audio), spec.audio.n_samples, model, spec))
        progress.advance()
    progress.finish()
    chosen = _farthest(np.concatenate([candidate.output for candidate in candidates]), VECTORS)
    music = [candidates[i] for i in chosen]
    sounds = hard_sounds(music[0].excerpt[0], spec.audio).values()
    hard = [_vector(excerpt, length, model, spec) for excerpt, length in sounds]
    return join([*music, *hard])


@lru_cache(CANDIDATES)
def _excerpt(song: Song, spec: AudioSpec) -> NDArray[np.int16]:
    pcm = render(song, spec.sample_rate)
    start, end = (round(second * spec.sample_rate) for second in EXCERPT_S)
    excerpt = pcm[start : min(end, start + spec.n_samples)]
    return np.clip(np.rint(excerpt * 32768), -32_768, 32_767).astype(np.int16)


def _vector(excerpt: NDArray[np.int16], length: int, model: nn.Module, spec: ModelSpec) -> Golden:
    picture = clip_to_image(clip_of_excerpt(excerpt, length, spec.audio), spec.audio)
    with torch.inference_mode():
        output = model(torch.from_numpy(to_input(picture, spec))).numpy()
    return Golden(excerpt[None], np.array([length], dtype=np.int32), picture[None], output)


def _farthest(points: NDArray[np.float32], count: int) -> list[int]:
    """Indices of `count` points, each the farthest from those before it; the first is farthest from the mean."""
    chosen = [int(np.argmax(((points - points.mean(axis=0)) ** 2).sum(axis=1)))]
    nearest = np.full(len(points), np.inf)
    while len(chosen) < count:
        nearest = np.minimum(nearest, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
        chosen.append(int(np.argmax(nearest)))
    return chosen
