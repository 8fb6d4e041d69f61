"""Decoding of audio files to the clips that a store holds: what one process does with one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import sha256
from sentio_mobile.audio.decode import decode, fit_length, measure, read_sound, stream
from sentio_mobile.audio.image import clip_to_mel
from sentio_mobile.audio.perturb import Pcm
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.journal import Clip, FileState, Index
from sentio_mobile.data.perturbed import CHANGES
from sentio_mobile.data.store import DTYPE
from sentio_mobile.errors import AudioError
from sentio_mobile.spec import AudioSpec

Segment: TypeAlias = tuple[float, float | None]
"""Start and end of a part of a file, in seconds; without an end, it is that of the file."""

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
        windows: First sample of each window, the name of its perturbation (empty for the sound as it is), and the
            samples that are read, where a segment ends within the window (0 for a whole one).
        mels: Normalized log-mels [n_mels, n_frames] of the windows that the store does not have yet.
    """

    file: FileState
    sha256: str
    windows: tuple[tuple[int, str, int], ...]
    mels: dict[Clip, NDArray[np.float16]]


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


def segment_windows(samples: int, audio: AudioSpec, recipe: DataRecipe, segment: Segment | None) -> dict[int, int]:
    """The windows of a file, or of a segment of it: the samples that are read of each, by its first sample.

    The number is 0 for a whole clip. It is smaller where the segment ends within the clip.

    Args:
        samples: Length of the file in samples, at the model's rate.
        audio: Front end, for the length of a clip.
        recipe: Number of windows, and which one is evaluated.
        segment: The segment; None for the whole file.

    Raises:
        AudioError: The file ends before the segment begins.
    """
    if segment is None:
        return dict.fromkeys(starts_of(samples, audio, recipe), 0)
    rate = audio.sample_rate
    first = round(segment[0] * rate)
    end = samples if segment[1] is None else min(samples, round(segment[1] * rate))
    if end <= first:
        raise AudioError(f"has {samples / rate:.1f} s, and a segment of it starts at {segment[0]:g} s; mend the table")
    starts = [first + start for start in starts_of(end - first, audio, recipe)]
    return {start: 0 if end - start >= audio.n_samples or end == samples else end - start for start in starts}


def state_of(path: Path) -> FileState:
    """The present state of an audio file.

    Raises:
        AudioError: There is no such file, or it cannot be read.
    """
    try:
        if not path.is_file():
            raise AudioError(f"{path}: no such audio file; check the path")
        return FileState.of(path)
    except OSError as error:
        raise _unreadable(path, error) from error


def stored_clips(
    state: FileState,
    digest: str | None,
    segment: Segment | None = None,
    *,
    audio: AudioSpec,
    recipe: DataRecipe,
    index: Index,
) -> FileClips | None:
    """The clips of a file, without a look into it, if the store has all of them.

    Args:
        state: State of the file.
        digest: Hash of the file; None to find it by the state alone.
        segment: The segment that is wanted; None for the whole file.
        audio: Front end.
        recipe: Number of windows, and which one is evaluated.
        index: What is stored already.
    """
    row = index.row_of_file(state) if digest is None else index.row_of_clip(digest)
    if row is None:
        return None
    clip = index.clip(row)
    try:
        windows = segment_windows(round(clip.seconds * audio.sample_rate), audio, recipe, segment)
    except AudioError:
        return None
    if any(index.row_of_clip(clip.sha256, start, "", length) is None for start, length in windows.items()):
        return None
    return FileClips(state, clip.sha256, _unchanged(windows), {})


def hash_file(path: Path) -> tuple[FileState, str] | AudioError:
    """The state of a file and its hash, or why it cannot be read."""
    try:
        state = state_of(path)
        return state, sha256(path)
    except OSError as error:
        return _unreadable(path, error)
    except AudioError as error:
        return error


def clips_of_file(
    path: Path,
    audio: AudioSpec,
    recipe: DataRecipe,
    known: tuple[FileState, str] | None = None,
    *,
    segment: Segment | None = None,
) -> FileClips:
    """Read all clips of an audio file, or of a segment of it.

    Args:
        path: The file.
        audio: Front end.
        recipe: Number of windows, and which one is evaluated.
        known: State and hash of the file, if it was hashed already.
        segment: The segment; None for the whole file.

    Raises:
        AudioError: The file has no usable audio, ends before the segment, or changed while it was read.
    """
    found = known or hash_file(path)
    if isinstance(found, AudioError):
        raise found
    state, digest = found
    seconds, windows, sounds, notes = _windows(path, audio, recipe, segment)
    clip = Clip(sha256=digest, start=0, seconds=seconds, peak=0, clipped=0, note="; ".join(notes)[:1000])
    mels = dict(
        _log_mel(pcm, msgspec.structs.replace(clip, start=start, length=windows[start]), audio)
        for start, pcm in sounds.items()
    )
    _require_unchanged(path, state)
    return FileClips(state, digest, _unchanged(windows), mels)


@dataclass(frozen=True)
class Reading:
    """A file, or a segment of one, that is read for its clips; the state and hash of a file that was hashed already."""

    path: Path
    known: tuple[FileState, str] | None = None
    segment: Segment | None = None


def clips_or_fault(work: Reading, *, audio: AudioSpec, recipe: DataRecipe) -> FileClips | AudioError:
    """Read all clips of an audio file, or return why it cannot be used: what a worker process does."""
    try:
        return clips_of_file(work.path, audio, recipe, work.known, segment=work.segment)
    except AudioError as error:
        return error


@dataclass(frozen=True)
class Perturbing:
    """Windows of a file whose perturbed copies are missing in the store.

    Attributes:
        path: The file.
        windows: Each window as it was stored, and the names of its changes, keys of `CHANGES`.
    """

    path: Path
    windows: tuple[tuple[Clip, tuple[str, ...]], ...]


def perturbed_clips(work: Perturbing, *, audio: AudioSpec) -> FileClips:
    """Read windows of an audio file once more, and change their sound: what a worker process does.

    Raises:
        AudioError: The file cannot be read, or is not the one that was stored.
    """
    path = work.path
    found = hash_file(path)
    if isinstance(found, AudioError):
        raise found
    state, digest = found
    mels: dict[Clip, NDArray[np.float16]] = {}
    for clip, changes in work.windows:
        if digest != clip.sha256:
            raise AudioError(f"{path}: changed while it was read; prepare it when it is complete")
        seconds = clip.length / audio.sample_rate if clip.length else audio.seconds
        pcm = decode(path, audio.sample_rate, clip.start / audio.sample_rate, seconds)
        for change in changes:
            stored, mel = _log_mel(
                CHANGES[change](pcm, audio.sample_rate), msgspec.structs.replace(clip, change=change), audio
            )
            mels[stored] = mel
    _require_unchanged(path, state)
    return FileClips(state, digest, tuple((clip.start, clip.change, clip.length) for clip in mels), mels)


def _log_mel(pcm: Pcm, clip: Clip, audio: AudioSpec) -> tuple[Clip, NDArray[np.float16]]:
    """A clip with the levels of its sound, and its normalized log-mel [n_mels, n_frames]."""
    level = np.abs(pcm)
    peak, clipped = float(level.max()), float((level >= FULL_SCALE).mean())
    measured = msgspec.structs.replace(clip, peak=round(peak, 6), clipped=round(clipped, 6))
    return measured, clip_to_mel(fit_length(pcm, audio), audio).astype(DTYPE)


def _unchanged(windows: Mapping[int, int]) -> tuple[tuple[int, str, int], ...]:
    return tuple((start, "", length) for start, length in windows.items())


def _require_unchanged(path: Path, state: FileState) -> None:
    try:
        same = FileState.of(path) == state
    except OSError:
        same = False
    if not same:
        raise AudioError(f"{path}: changed while it was read; prepare it when it is complete")


def _unreadable(path: Path, error: OSError) -> AudioError:
    return AudioError(f"{path}: cannot be read ({error.strerror}); check its permissions")


def _windows(
    path: Path, audio: AudioSpec, recipe: DataRecipe, segment: Segment | None
) -> tuple[float, Mapping[int, int], dict[int, Pcm], Sequence[str]]:
    """A file's length in seconds, its windows, their PCM by their first samples, and what is wrong with the file.

    The length is counted, never taken from the header. No more is decoded than the windows, where counting packets
    tells the length.
    """
    rate = audio.sample_rate
    if segment is None and recipe.windows == 1 and recipe.window == "start":
        sound = read_sound(path, rate, seconds=audio.seconds, measure=True)
        return sound.seconds or len(sound.pcm) / rate, {0: 0}, {0: sound.pcm}, sound.notes

    def places(samples: int) -> dict[int, tuple[float, float]]:
        try:
            windows.update(segment_windows(samples, audio, recipe, segment))
        except AudioError as error:
            raise AudioError(f"{path}: {error}") from None
        return {start: (start / rate, length / rate if length else audio.seconds) for start, length in windows.items()}

    windows: dict[int, int] = {}
    length = measure(path)
    wanted = places(round(length.seconds * rate))
    only_one = segment is None and tuple(wanted) == (0,)
    try:
        sounds = {start: read_sound(path, rate, *place) for start, place in wanted.items()}
    except AudioError:
        if only_one:
            raise
        sounds = {}
    if only_one:
        return len(sounds[0].pcm) / rate, {0: 0}, {0: sounds[0].pcm}, sounds[0].notes
    notes = dict.fromkeys((*length.notes, *(note for sound in sounds.values() for note in sound.notes)))
    if sounds and all(len(sound.pcm) >= (windows[start] or audio.n_samples) for start, sound in sounds.items()):
        return length.seconds, windows, {start: sound.pcm for start, sound in sounds.items()}, tuple(notes)
    # What was counted cannot be decoded. One pass over the file finds what can.
    blocks = stream(path, rate)
    samples = sum(len(block) for block in blocks)
    windows.clear()
    decoded = {start: decode(path, rate, *place) for start, place in places(samples).items()}
    return samples / rate, windows, decoded, blocks.notes
