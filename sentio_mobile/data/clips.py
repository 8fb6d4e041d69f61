"""From audio files to the clips that a store keeps, several files at a time and never many at once."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import sha256
from sentio_mobile.audio.decode import decode, fit_length
from sentio_mobile.audio.image import clip_to_mel
from sentio_mobile.audio.stream import estimated_seconds, stream
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.journal import Clip, FileState, Index
from sentio_mobile.errors import AudioError
from sentio_mobile.spec import AudioSpec

T = TypeVar("T")
U = TypeVar("U")

FULL_SCALE = 0.999
"""Level from which on a sample counts as clipped: decoders and resamplers end a little under 1."""

_LEAST_STEP = 0.1
"""Share of a clip that lies at least between two windows of a song: nearer ones are the same clip twice."""


@dataclass(frozen=True)
class FileClips:
    """The windows of one file, the evaluated one first; of those that are in the store already `mels` holds none."""

    file: FileState
    sha256: str
    starts: tuple[int, ...]
    mels: dict[Clip, NDArray[np.float32]]


def starts_of(samples: int, audio: AudioSpec, recipe: DataRecipe) -> tuple[int, ...]:
    """Where the windows of a file begin, in samples; first that which `recipe.window` names, then the others in order.

    They are spread evenly from the file's beginning to its end. A file that is too short for so many has fewer.

    Args:
        samples: length of the file, at the model's rate.
        audio: the front end, for rate and length of a clip.
        recipe: how many windows there are, and which comes first.
    """
    room = max(0, samples - audio.n_samples)
    count = min(recipe.windows, 1 + int(room / (_LEAST_STEP * audio.n_samples)))
    first = room // 2 if recipe.window == "middle" else 0
    spread = [round(start) for start in np.linspace(0, room, count)] if count > 1 else [first]
    nearest = min(spread, key=lambda start: abs(start - first))
    return (first, *(start for start in spread if start != nearest))


def clips_of_file(path: Path, audio: AudioSpec, recipe: DataRecipe, index: Index) -> FileClips:
    """The clips of an audio file: nothing is hashed that did not change, and nothing decoded that is stored.

    Raises:
        AudioError: the file holds no usable audio, or changed while it was read.
    """
    state, digest, seconds = _identify(path, index)
    if seconds is not None:
        starts = starts_of(round(seconds * audio.sample_rate), audio, recipe)
        if all(index.row_of_clip(digest, start) is not None for start in starts):
            return FileClips(state, digest, starts, {})
    seconds, sounds = _windows(path, audio, recipe)
    mels = {}
    for start, pcm in sounds.items():
        if index.row_of_clip(digest, start) is None:
            level = np.abs(pcm)
            peak, clipped = float(level.max()), float((level >= FULL_SCALE).mean())
            clip = Clip(sha256=digest, start=start, seconds=seconds, peak=round(peak, 6), clipped=round(clipped, 6))
            mels[clip] = clip_to_mel(fit_length(pcm, audio), audio)
    if not path.is_file() or FileState.of(path) != state:
        raise AudioError(f"{path}: changed while it was read; prepare it when it is complete")
    return FileClips(state, digest, tuple(sounds), mels)


def _identify(path: Path, index: Index) -> tuple[FileState, str, float | None]:
    """A file's state, its SHA-256, and its length in seconds where the store knows it."""
    if not path.is_file():
        raise AudioError(f"{path}: no such audio file; check the path")
    try:
        state = FileState.of(path)
        row = index.row_of_file(state)
        digest = sha256(path) if row is None else index.clip(row).sha256
    except OSError as error:
        raise AudioError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    row = index.row_of_clip(digest) if row is None else row
    return state, digest, None if row is None else index.clip(row).seconds


def _windows(path: Path, audio: AudioSpec, recipe: DataRecipe) -> tuple[float, dict[int, NDArray[np.float32]]]:
    """A file's length in seconds, and PCM of its windows by their starts; no more is decoded than they need."""
    stated = estimated_seconds(path)
    if stated is not None:
        starts = starts_of(round(stated * audio.sample_rate), audio, recipe)
        try:
            sounds = {
                start: decode(path, audio.sample_rate, start / audio.sample_rate, audio.seconds) for start in starts
            }
        except AudioError:
            if starts == (0,):
                raise
            sounds = {}
        if sounds and all(len(pcm) >= audio.n_samples for pcm in sounds.values()):
            return stated, sounds
        if starts == (0,):
            return len(sounds[0]) / audio.sample_rate, sounds
    # The file says nothing of its length, or not the truth: one pass over it tells.
    samples = sum(len(block) for block in stream(path, audio.sample_rate))
    rate = audio.sample_rate
    starts = starts_of(samples, audio, recipe)
    return samples / rate, {start: decode(path, rate, start / rate, audio.seconds) for start in starts}


def in_order(work: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
    """`work` of each item, in the order of the items, done in threads: as many at a time as there are usable cores.

    Decoding, resampling and Fourier transforms let go of the interpreter lock, and threads did as many clips a second
    as processes. Only a few items are begun before their answers are taken. The threads of the linear algebra library
    are kept to one meanwhile: it waits by spinning, which takes the cores from the other workers.
    """
    from threadpoolctl import threadpool_limits

    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    waiting: deque[Future[U]] = deque()
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
