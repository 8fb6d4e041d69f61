"""One sample to look at and to listen to."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.audio.invert import mel_to_power, to_pcm
from sentio_mobile.errors import InputError
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.gan.classes import from_log1p


class Generator(Protocol):
    """What makes spectrograms: of labels in the plane, or of classes."""

    @property
    def audio(self) -> AudioSpec:
        """The front end that its spectrograms follow."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of its classes; empty where it is asked for valence and arousal."""
        ...

    def sample(self, labels: NDArray[np.generic], seed: int, batch: int = 16) -> NDArray[np.float32]:
        """Levels in [0, 1] [n, n_mels, n_frames] for labels [n, 2] in [-1, 1], or for indices of classes [n]."""
        ...


def label_of(
    classes: tuple[str, ...], valence: float | None, arousal: float | None, name: str | None
) -> NDArray[np.generic]:
    """What a generator is to be asked for: [1, 2] valence and arousal, or [1] the index of a class.

    Args:
        classes: of the generator; empty where it is asked for valence and arousal.
        valence: in [-1, 1].
        arousal: in [-1, 1].
        name: of a class.

    Raises:
        InputError: the generator is of the other kind, has no such class, or a value is missing or off the scale.
    """
    known = ", ".join(classes)
    if classes:
        if valence is not None or arousal is not None:
            raise InputError(f"this network was trained on classes, not on valence and arousal; give --class ({known})")
        if name is None:
            raise InputError(f"say what to make: --class and one of {known}")
        if name not in classes:
            raise InputError(f"there is no class {name!r}; known: {known}")
        return np.array([classes.index(name)], dtype=np.int64)
    if name is not None:
        raise InputError(
            "this network was trained on valence and arousal, not on classes; give --valence and --arousal"
        )
    if valence is None or arousal is None:
        missing = " and ".join(f"--{x}" for x, value in (("valence", valence), ("arousal", arousal)) if value is None)
        raise InputError(f"say what to make: {missing} missing, from -1 to 1")
    for dimension, value in (("valence", valence), ("arousal", arousal)):
        if not -1 <= value <= 1:
            raise InputError(f"--{dimension} must be from -1 to 1, not {value:g}")
    return np.array([[valence, arousal]], dtype=np.float32)


def render(
    generator: Generator, label: NDArray[np.generic], seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Make one sample, and the sound of it.

    Args:
        generator: what makes it.
        label: what it is asked for, as `label_of` gives it.
        seed: of the sample, and of the phases of its sound.

    Returns:
        The spectrogram in [0, 1] [n_mels, n_frames], and PCM [samples].

    Raises:
        MissingExtraError: librosa is not installed.
    """
    mel = generator.sample(label, seed)[0]
    power = from_log1p(mel) if generator.classes else mel_to_power(mel, generator.audio)
    return mel, to_pcm(power, generator.audio, seed)
