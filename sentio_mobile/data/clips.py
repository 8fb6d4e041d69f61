"""Decoding of audio files to the clips that a store holds: what one process does with one file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

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
    state: FileState, digest: str | None, *, audio: AudioSpec, recipe: DataRecipe, index: Index
) -> FileClips | None:
    """The clips of a file, without a look into it, if the store has all of them.

    Args:
        state: State of the file.
        digest: Hash of the file; None to find it by the state alone.
        audio: Front end.
        recipe: Number of windows, and which one is evaluated.
        index: What is stored already.
    """
    row = index.row_of_file(state) if digest is None else index.row_of_clip(digest)
    if row is None:
        return None
    clip = index.clip(row)
    starts = starts_of(round(clip.seconds * audio.sample_rate), audio, recipe)
    if any(index.row_of_clip(clip.sha256, start) is None for start in starts):
        return None
    return FileClips(state, clip.sha256, _unchanged(starts), {})


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
    path: Path, audio: AudioSpec, recipe: DataRecipe, known: tuple[FileState, str] | None = None
) -> FileClips:
    """Read all clips of an audio file.

    Args:
        path: The file.
        audio: Front end.
        recipe: Number of windows, and which one is evaluated.
        known: State and hash of the file, if it was hashed already.

    Raises:
        AudioError: The file has no usable audio, or changed while it was read.
    """
    found = known or hash_file(path)
    if isinstance(found, AudioError):
        raise found
    state, digest = found
    seconds, sounds, notes = _windows(path, audio, recipe)
    clip = Clip(sha256=digest, start=0, seconds=seconds, peak=0, clipped=0, note="; ".join(notes)[:1000])
    mels = dict(_log_mel(pcm, msgspec.structs.replace(clip, start=start), audio) for start, pcm in sounds.items())
    _require_unchanged(path, state)
    return FileClips(state, digest, _unchanged(sounds), mels)


@dataclass(frozen=True)
class Reading:
    """A file that is read for its clips, and its state and hash if it was hashed already."""

    path: Path
    known: tuple[FileState, str] | None = None


def clips_or_fault(work: Reading, *, audio: AudioSpec, recipe: DataRecipe) -> FileClips | AudioError:
    """Read all clips of an audio file, or return why it cannot be used: what a worker process does."""
    try:
        return clips_of_file(work.path, audio, recipe, work.known)
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
        pcm = decode(path, audio.sample_rate, clip.start / audio.sample_rate, audio.seconds)
        for change in changes:
            stored, mel = _log_mel(
                CHANGES[change](pcm, audio.sample_rate), msgspec.structs.replace(clip, change=change), audio
            )
            mels[stored] = mel
    _require_unchanged(path, state)
    return FileClips(state, digest, tuple((clip.start, change) for clip in mels for change in [clip.change]), mels)


def _log_mel(pcm: Pcm, clip: Clip, audio: AudioSpec) -> tuple[Clip, NDArray[np.float16]]:
    """A clip with the levels of its sound, and its normalized log-mel [n_mels, n_frames]."""
    level = np.abs(pcm)
    peak, clipped = float(level.max()), float((level >= FULL_SCALE).mean())
    measured = msgspec.structs.replace(clip, peak=round(peak, 6), clipped=round(clipped, 6))
    return measured, clip_to_mel(fit_length(pcm, audio), audio).astype(DTYPE)


def _unchanged(starts: Iterable[int]) -> tuple[tuple[int, str], ...]:
    return tuple((start, "") for start in starts)


def _require_unchanged(path: Path, state: FileState) -> None:
    try:
        same = FileState.of(path) == state
    except OSError:
        same = False
    if not same:
        raise AudioError(f"{path}: changed while it was read; prepare it when it is complete")


def _unreadable(path: Path, error: OSError) -> AudioError:
    return AudioError(f"{path}: cannot be read ({error.strerror}); check its permissions")


def _windows(path: Path, audio: AudioSpec, recipe: DataRecipe) -> tuple[float, dict[int, Pcm], Sequence[str]]:
    """A file's length in seconds, the PCM of its windows by their first samples, and what is wrong with the file.

    The length is counted, never taken from the header. No more is decoded than the windows, where counting packets
    tells the length.
    """
    rate = audio.sample_rate
    if recipe.windows == 1 and recipe.window == "start":
        sound = read_sound(path, rate, seconds=audio.seconds, measure=True)
        return sound.seconds or len(sound.pcm) / rate, {0: sound.pcm}, sound.notes
    length = measure(path)
    starts = starts_of(round(length.seconds * rate), audio, recipe)
    try:
        sounds = {start: read_sound(path, rate, start / rate, audio.seconds) for start in starts}
    except AudioError:
        if starts == (0,):
            raise
        sounds = {}
    if starts == (0,):
        return len(sounds[0].pcm) / rate, {0: sounds[0].pcm}, sounds[0].notes
    notes = dict.fromkeys((*length.notes, *(note for sound in sounds.values() for note in sound.notes)))
    if sounds and all(len(sound.pcm) >= audio.n_samples for sound in sounds.values()):
        return length.seconds, {start: sound.pcm for start, sound in sounds.items()}, tuple(notes)
    # What was counted cannot be decoded. One pass over the file finds what can.
    blocks = stream(path, rate)
    samples = sum(len(block) for block in blocks)
    starts = starts_of(samples, audio, recipe)
    decoded = {start: decode(path, rate, start / rate, audio.seconds) for start in starts}
    return samples / rate, decoded, blocks.notes
