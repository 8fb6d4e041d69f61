"""Folders of labelled sounds, a folder a class, as the class-conditional GAN learns them.

Songs are judged in decibels; barks and bells are short, loud and then silent, and in decibels most of such a clip is
the noise under it. log1p of the mel power gives the quiet cells no room: near silence it is linear, and a decay ends.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile.audio.decode import AUDIO_SUFFIXES, decode, fit_length
from sentio_mobile.audio.logmel import POWER_FLOOR, mel_power
from sentio_mobile.errors import DataError
from sentio_mobile.spec import AudioSpec

FEWEST = 2
"""Files that a class needs: of one alone, a network learns the file."""

HOP, FRAMES = 256, 512
CLASS_AUDIO = AudioSpec(seconds=(FRAMES - 1) * HOP / 22050, n_fft=1024, hop_length=HOP)
"""22,050 Hz, 5.93 s, frames of 1,024 samples each 256: 128 mel bands by 512 frames."""

GAIN = 1e4
"""How far the loudest cell stands above the power at which log1p bends from linear to logarithmic: 40 dB."""


@dataclass(frozen=True, kw_only=True)
class ClassSounds:
    """Labelled sounds.

    Attributes:
        names: of the classes, in alphabetical order.
        labels: index of each sound's class [n].
        mels: scaled log1p mels [n, n_mels, n_frames] in [0, 1], see `to_log1p`.
        paths: the file of each sound.
        audio: the front end.
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
        """Tells these sounds from any others."""
        return hashlib.sha256(json.dumps(self.names).encode() + self.labels.tobytes() + self.mels.tobytes()).hexdigest()


def read_classes(folder: Path, progress: Progress | None = None) -> ClassSounds:
    """Read FOLDER/<class>/*.wav and other audio; what is hidden or is no audio by its ending is passed over.

    Of each file the first `CLASS_AUDIO.seconds` are taken; a shorter one is filled up with silence.

    Args:
        folder: its folders are the classes; files beside them are no sounds of any class.
        progress: shown file by file.

    Raises:
        DataError: it is no folder, has fewer than two classes, or a class has fewer than `FEWEST` sounds.
        AudioError: a file cannot be decoded.
    """
    progress = progress or NoProgress()
    files = _files(folder)
    paths = [path for name in files for path in files[name]]
    mels = np.empty((len(paths), CLASS_AUDIO.n_mels, CLASS_AUDIO.n_frames), dtype=np.float32)
    progress.start("reading sounds", len(paths))
    for i, path in enumerate(paths):
        pcm = decode(path, CLASS_AUDIO.sample_rate, seconds=CLASS_AUDIO.seconds)
        mels[i] = class_mel(pcm)
        progress.advance(note=path.parent.name)
    progress.finish()
    labels = [i for i, name in enumerate(files) for _ in files[name]]
    return ClassSounds(names=tuple(files), labels=np.array(labels, dtype=np.int64), mels=mels, paths=tuple(paths))


def class_mel(pcm: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scaled log1p mel [n_mels, n_frames] of the beginning of a sound [samples] at `CLASS_AUDIO.sample_rate`."""
    padded = np.pad(fit_length(pcm, CLASS_AUDIO), CLASS_AUDIO.n_fft // 2, mode="reflect")
    return to_log1p(mel_power(padded, CLASS_AUDIO))


def to_log1p(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mel power to [0, 1]: log(1 + GAIN * power / loudest cell) / log(1 + GAIN).

    Relative to the clip's loudest cell, so that how loud it was recorded is left out. A silent clip is 0 everywhere.

    Args:
        power: mel power of one clip [n_mels, frames], 0 or more.
    """
    loudest = power.max()
    if loudest <= POWER_FLOOR:
        return np.zeros_like(power)
    return np.asarray(np.log1p(np.float32(GAIN) * (power / loudest)) / np.log1p(np.float32(GAIN)), dtype=np.float32)


def from_log1p(mel: NDArray[np.float32]) -> NDArray[np.float32]:
    """What `to_log1p` was given, relative to its loudest cell: mel power [n_mels, frames] in [0, 1]."""
    return np.asarray(np.expm1(np.clip(mel, 0, 1) * np.log1p(np.float32(GAIN))) / np.float32(GAIN), dtype=np.float32)


def _files(folder: Path) -> dict[str, list[Path]]:
    """The audio files of each class, by its name."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give one whose folders are named after their sounds, like dog/")
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
    for name, found in files.items():
        if len(found) < FEWEST:
            what = f"holds one sound, {found[0].name}" if found else "holds no audio file"
            raise DataError(f"{folder / name}: {what}; a class needs at least {FEWEST}: add some, or remove the folder")
    return files
