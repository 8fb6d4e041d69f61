"""Decoding of audio files to the clips that a store holds, several files at a time and never many at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import is_file, sha256
from sentio_mobile._internal.workers import usable_cores
from sentio_mobile.audio.decode import decode, fit_length
from sentio_mobile.audio.image import clip_to_mel
from sentio_mobile.audio.open_file import estimated_seconds
from sentio_mobile.audio.perturb import Pcm
from sentio_mobile.audio.stream import stream
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.journal import Clip, FileState, Index
from sentio_mobile.data.perturbed import CHANGES
from sentio_mobile.errors import AudioError
from sentio_mobile.spec import AudioSpec

T = TypeVar("T")
U = TypeVar("U")

FULL_SCALE = 0.999
"""Absolute value from which a sample counts as clipped: decoders and resamplers end slightly below 1."""

_MIN_STEP = 0.1
"""Smallest distance of two windows, as a share of a clip. Nearer windows are nearly the same clip twice."""


@dataclass(frozen=True)
class FileClips:
    """The windows of one file, the evaluated one first, or the perturbed ones.

    Attributes:
        file: State of the file before it was read.
        sha256: Hash of the file.
        windows: First sample of each window, and the name of its perturbation; empty for the sound as it is.
        mels: Normalized log-mels [n_mels, n_frames] of the windows that the store does not have yet.
    """

    file: FileState
    sha256: str
    windows: tuple[tuple[int, str], ...]
    mels: dict[Clip, NDArray[np.float32]]


def starts_of(samples: int, audio: AudioSpec, recipe: DataRecipe) -> tuple[int, ...]:
    """First samples of a file's windows, spread evenly from its beginning to its end.

    The window that `recipe.window` names comes first, then the others in order. A short file has fewer windows.

    Args:
        samples: Length of the file in samples, at the model's rate.
        audio: Front end, for the length of a clip.
        recipe: Number of windows, and which one is evaluated.
    """
    room = max(0, samples - audio.n_samples)
    count = min(recipe.windows, 1 + int(room / (_MIN_STEP * audio.n_samples)))
    first = room // 2 if recipe.window == "middle" else 0
    spread = [round(start) for start in np.linspace(0, room, count)] if count > 1 else [first]
    nearest = min(spread, key=lambda start: abs(start - first))
    return (first, *(start for start in spread if start != nearest))


def clips_of_file(path: Path, audio: AudioSpec, recipe: DataRecipe, index: Index) -> FileClips:
    """Read the clips of an audio file. Unchanged files are not hashed, and stored clips are not decoded.

    Raises:
        AudioError: The file has no usable audio, or changed while it was read.
    """
    state, digest, seconds = _identify(path, index)
    if seconds is not None:
        starts = starts_of(round(seconds * audio.sample_rate), audio, recipe)
        if all(index.row_of_clip(digest, start) is not None for start in starts):
            return FileClips(state, digest, _unchanged(starts), {})
    seconds, sounds = _windows(path, audio, recipe)
    mels = dict(
        _log_mel(pcm, Clip(sha256=digest, start=start, seconds=seconds, peak=0, clipped=0), audio)
        for start, pcm in sounds.items()
        if index.row_of_clip(digest, start) is None
    )
    _require_unchanged(path, state)
    return FileClips(state, digest, _unchanged(sounds), mels)


def perturbed_clips(
    path: Path, clean: Sequence[Clip], changes: Sequence[str], *, audio: AudioSpec, index: Index
) -> FileClips:
    """Read windows of an audio file once more, and change their sound. Stored clips are not decoded.

    Args:
        path: The file.
        clean: Its windows, as they were stored.
        changes: Names of the changes, keys of `CHANGES`. Each window goes through each of them.
        audio: Front end.
        index: What is stored already.

    Raises:
        AudioError: The file cannot be read, or changed while it was read.
    """
    state, digest, _ = _identify(path, index)
    mels: dict[Clip, NDArray[np.float32]] = {}
    for clip in clean:
        if digest != clip.sha256:
            raise AudioError(f"{path}: changed while it was read; prepare it when it is complete")
        missing = [change for change in changes if index.row_of_clip(digest, clip.start, change) is None]
        if not missing:
            continue
        pcm = decode(path, audio.sample_rate, clip.start / audio.sample_rate, audio.seconds)
        for change in missing:
            changed = CHANGES[change](pcm, audio.sample_rate)
            stored, mel = _log_mel(changed, msgspec.structs.replace(clip, change=change), audio)
            mels[stored] = mel
    _require_unchanged(path, state)
    return FileClips(state, digest, tuple((clip.start, change) for clip in clean for change in changes), mels)


def _log_mel(pcm: Pcm, clip: Clip, audio: AudioSpec) -> tuple[Clip, NDArray[np.float32]]:
    """A clip with the levels of its sound, and its normalized log-mel [n_mels, n_frames]."""
    level = np.abs(pcm)
    peak, clipped = float(level.max()), float((level >= FULL_SCALE).mean())
    measured = msgspec.structs.replace(clip, peak=round(peak, 6), clipped=round(clipped, 6))
    return measured, clip_to_mel(fit_length(pcm, audio), audio)


def _unchanged(starts: Iterable[int]) -> tuple[tuple[int, str], ...]:
    return tuple((start, "") for start in starts)


def _require_unchanged(path: Path, state: FileState) -> None:
    if not is_file(path) or FileState.of(path) != state:
        raise AudioError(f"{path}: changed while it was read; prepare it when it is complete")


def _identify(path: Path, index: Index) -> tuple[FileState, str, float | None]:
    """A file's state, its SHA-256, and its length in seconds if the store knows it."""
    try:
        if not path.is_file():
            raise AudioError(f"{path}: no such audio file; check the path")
        state = FileState.of(path)
        row = index.row_of_file(state)
        digest = sha256(path) if row is None else index.clip(row).sha256
    except OSError as error:
        raise AudioError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    row = index.row_of_clip(digest) if row is None else row
    return state, digest, None if row is None else index.clip(row).seconds


def _windows(path: Path, audio: AudioSpec, recipe: DataRecipe) -> tuple[float, dict[int, NDArray[np.float32]]]:
    """A file's length in seconds, and the PCM of its windows by their first samples. Nothing else is decoded."""
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
    # The header states no length, or a wrong one. One pass over the file finds it.
    samples = sum(len(block) for block in stream(path, audio.sample_rate))
    rate = audio.sample_rate
    starts = starts_of(samples, audio, recipe)
    return samples / rate, {start: decode(path, rate, start / rate, audio.seconds) for start in starts}


def in_order(work: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
    """Call `work` on each item in threads, one for each usable core, and yield the results in the order of the items.

    Decoding, resampling and Fourier transforms release the interpreter lock: threads do as many clips a second as
    processes. Only a few items are started before their results are taken. The linear algebra library gets one thread
    meanwhile, because its threads wait by spinning and would take the cores from the workers.
    """
    from threadpoolctl import threadpool_limits

    workers = usable_cores()
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
