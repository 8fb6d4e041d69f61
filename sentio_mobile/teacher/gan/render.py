"""Render one GAN sample as a spectrogram and as sound."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.audio.invert import mel_to_power, to_pcm
from sentio_mobile.errors import InputError
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.gan.classes import from_log1p


class SampleGenerator(Protocol):
    """A generator of log-mels, for valence and arousal or for classes."""

    @property
    def audio(self) -> AudioSpec:
        """Front end of its log-mels."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of its classes; empty for valence and arousal."""
        ...

    def sample(self, labels: NDArray[np.generic], seed: int, batch: int = 16) -> NDArray[np.float32]:
        """Log-mels [n, n_mels, n_frames] in [0, 1] for labels [n, 2] in [-1, 1], or for indices of classes [n]."""
        ...


def label_of(
    classes: tuple[str, ...], valence: float | None, arousal: float | None, name: str | None
) -> NDArray[np.generic]:
    """Make the label for one sample: valence and arousal [1, 2], or the index of a class [1].

    Args:
        classes: Classes of the generator; empty for valence and arousal.
        valence: Valence in [-1, 1].
        arousal: Arousal in [-1, 1].
        name: Name of a class.

    Raises:
        InputError: The generator is of the other kind or lacks the class, or a value is missing or out of range.
    """
    known = ", ".join(classes)
    if classes:
        if valence is not None or arousal is not None:
            raise InputError(f"this GAN was trained on classes, not on valence and arousal; give --class ({known})")
        if name is None:
            raise InputError(f"the class is missing; give --class and one of {known}")
        if name not in classes:
            raise InputError(f"there is no class {name!r}; known: {known}")
        return np.array([classes.index(name)], dtype=np.int64)
    if name is not None:
        raise InputError("this GAN was trained on valence and arousal, not on classes; give --valence and --arousal")
    if valence is None or arousal is None:
        options = (("valence", valence), ("arousal", arousal))
        missing = " and ".join(f"--{option}" for option, value in options if value is None)
        raise InputError(f"give {missing}, from -1 to 1")
    for dimension, value in (("valence", valence), ("arousal", arousal)):
        if not -1 <= value <= 1:
            raise InputError(f"--{dimension} must be from -1 to 1, not {value:g}")
    return np.array([[valence, arousal]], dtype=np.float32)


def render(
    generator: SampleGenerator, label: NDArray[np.generic], seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Generate one sample and its sound.

    Args:
        generator: The generator.
        label: The label, from `label_of`.
        seed: Random seed for the sample and for the phases of its sound.

    Returns:
        The log-mel in [0, 1] [n_mels, n_frames], and PCM [samples].

    Raises:
        MissingExtraError: librosa is not installed.
    """
    mel = generator.sample(label, seed)[0]
    power = from_log1p(mel) if generator.classes else mel_to_power(mel, generator.audio)
    return mel, to_pcm(power, generator.audio, seed)
