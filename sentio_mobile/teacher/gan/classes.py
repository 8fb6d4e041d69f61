"""Folders of labelled sounds, one folder per class, for the class-conditional GAN.

Songs are represented in decibels. Barks and bells are short and loud with silence after them; in decibels, most of such
a clip is background noise. log1p of the mel power is linear near silence, so that quiet cells stay near 0.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile.audio.decode import fit_length, read_sound
from sentio_mobile.audio.find import AUDIO_SUFFIXES
from sentio_mobile.audio.logmel import POWER_FLOOR, mel_power
from sentio_mobile.errors import AudioError, DataError
from sentio_mobile.spec import AudioSpec

MIN_SOUNDS = 2
"""Fewest files of a class: from a single one, a network learns that file."""

HOP, FRAMES = 256, 512
CLASS_AUDIO = AudioSpec(seconds=(FRAMES - 1) * HOP / 22050, n_fft=1024, hop_length=HOP)
"""22,050 Hz, 5.93 s, frames of 1,024 samples every 256 samples: 128 mel bands by 512 frames."""

GAIN = 1e4
"""Ratio of the loudest cell to the power at which log1p turns from linear to logarithmic: 40 dB."""


@dataclass(frozen=True, kw_only=True)
class ClassSounds:
    """Labelled sounds.

    Attributes:
        names: Names of the classes, in alphabetical order.
        labels: Index of each sound's class [n].
        mels: Scaled log1p mels [n, n_mels, n_frames] in [0, 1], see `to_log1p`.
        paths: File of each sound.
        audio: Front end.
    """

    names: tuple[str, ...]
    labels: NDArray[np.int64]
    mels: NDArray[np.float32]
    paths: tuple[Path, ...]
    audio: AudioSpec = CLASS_AUDIO

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def fingerprint(self) -> str:
        """Hash of the class names, labels and sounds."""
        return hashlib.sha256(json.dumps(self.names).encode() + self.labels.tobytes() + self.mels.tobytes()).hexdigest()


def read_classes(folder: Path, progress: Progress | None = None) -> ClassSounds:
    """Read FOLDER/<class>/*.wav and other audio. Hidden files and files without an audio suffix are skipped.

    The first `CLASS_AUDIO.seconds` of each file are read; a shorter file is padded with silence.

    Args:
        folder: Folder with one folder per class. Files beside those folders are ignored.
        progress: Progress, file by file.

    Raises:
        DataError: The folder is missing, has fewer than two classes, or a class has fewer than `MIN_SOUNDS` sounds.
        AudioError: A file cannot be decoded, or is damaged.
    """
    progress = progress or NoProgress()
    files = _files(folder)
    paths = [path for name in files for path in files[name]]
    mels = np.empty((len(paths), CLASS_AUDIO.n_mels, CLASS_AUDIO.n_frames), dtype=np.float32)
    progress.start("reading sounds", len(paths))
    for i, path in enumerate(paths):
        sound = read_sound(path, CLASS_AUDIO.sample_rate, seconds=CLASS_AUDIO.seconds)
        if sound.notes:
            raise AudioError(f"{path}: {sound.notes[0]}")
        mels[i] = class_mel(sound.pcm)
        progress.advance(note=path.parent.name)
    progress.finish()
    labels = [i for i, name in enumerate(files) for _ in files[name]]
    return ClassSounds(names=tuple(files), labels=np.array(labels, dtype=np.int64), mels=mels, paths=tuple(paths))


def class_mel(pcm: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scaled log1p mel [n_mels, n_frames] of the beginning of a sound [samples] at `CLASS_AUDIO.sample_rate`."""
    padded = np.pad(fit_length(pcm, CLASS_AUDIO), CLASS_AUDIO.n_fft // 2, mode="reflect")
    return to_log1p(mel_power(padded, CLASS_AUDIO))


def to_log1p(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale mel power to [0, 1]: log(1 + GAIN * power / loudest cell) / log(1 + GAIN).

    The scale is relative to the clip's loudest cell, so that recording levels do not matter. A silent clip is all 0.

    Args:
        power: Mel power of one clip [n_mels, frames], 0 or more.
    """
    loudest = power.max()
    if loudest <= POWER_FLOOR:
        return np.zeros_like(power)
    return np.asarray(np.log1p(np.float32(GAIN) * (power / loudest)) / np.log1p(np.float32(GAIN)), dtype=np.float32)


def from_log1p(mel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Invert `to_log1p`: mel power [n_mels, frames] in [0, 1], relative to the loudest cell."""
    return np.asarray(np.expm1(np.clip(mel, 0, 1) * np.log1p(np.float32(GAIN))) / np.float32(GAIN), dtype=np.float32)


def _files(folder: Path) -> dict[str, list[Path]]:
    """The audio files of each class, by class name."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give one with a folder for each class, such as dog/ and cat/")
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))
    if len(classes) < 2:
        what = f"has only one class folder, {classes[0].name}" if classes else "has no class folders"
        raise DataError(f"{folder}: {what}; give two or more, named after their sounds: dog/1.wav, cat/1.wav, ...")
    files = {
        place.name: sorted(
            path for path in place.iterdir() if path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")
        )
        for place in classes
    }
    for name, paths in files.items():
        if len(paths) < MIN_SOUNDS:
            what = f"holds one sound, {paths[0].name}" if paths else "holds no audio file"
            raise DataError(
                f"{folder / name}: {what}; a class needs at least {MIN_SOUNDS}: add some, or remove the folder"
            )
    return files
