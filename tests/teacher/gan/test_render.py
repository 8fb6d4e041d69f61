"""Samples as sound, from generators of both kinds whose samples are known."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from sentio_mobile.audio.logmel import log_mel, normalize_log_mel
from sentio_mobile.errors import InputError
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.gan.classes import CLASS_AUDIO, class_mel
from sentio_mobile.teacher.gan.render import label_of, render

SHORT = AudioSpec(seconds=3.0)


def tone(hz: float, audio: AudioSpec) -> NDArray[np.float32]:
    return (0.4 * np.sin(2 * np.pi * hz * np.arange(audio.n_samples) / audio.sample_rate)).astype(np.float32)


@dataclass(frozen=True)
class Tones:
    """Generates the log-mel of a tone: higher with arousal, or one for each class."""

    classes: tuple[str, ...] = ()

    @property
    def audio(self) -> AudioSpec:
        return CLASS_AUDIO if self.classes else SHORT

    def sample(self, labels: NDArray[np.generic], seed: int, batch: int = 16) -> NDArray[np.float32]:
        if self.classes:
            return np.stack([class_mel(tone(300 * (1 + int(i)), CLASS_AUDIO)) for i in labels])
        return np.stack(
            [normalize_log_mel(log_mel(tone(600 + 300 * float(arousal), SHORT), SHORT), SHORT) for _, arousal in labels]
        )


def pitch(pcm: NDArray[np.float32]) -> float:
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm))))
    return float(np.fft.rfftfreq(len(pcm), 1 / 22050)[spectrum.argmax()])


@pytest.mark.parametrize("arousal", [-0.5, 0.7])
def test_render_valence_and_arousal(arousal: float) -> None:
    mel, pcm = render(Tones(), label_of((), 0.2, arousal, None), seed=0)
    assert mel.shape == (SHORT.n_mels, SHORT.n_frames)
    assert abs(len(pcm) - SHORT.n_samples) < SHORT.hop_length
    assert pitch(pcm) == pytest.approx(600 + 300 * arousal, rel=0.01)


@pytest.mark.parametrize(("name", "hz"), [("cat", 300), ("dog", 600)])
def test_render_class(name: str, hz: float) -> None:
    generator = Tones(("cat", "dog"))
    mel, pcm = render(generator, label_of(generator.classes, None, None, name), seed=0)
    assert mel.shape == (CLASS_AUDIO.n_mels, CLASS_AUDIO.n_frames)
    assert pitch(pcm) == pytest.approx(hz, rel=0.02)


@pytest.mark.parametrize(
    ("classes", "valence", "arousal", "name", "fault"),
    [
        ((), None, None, "dog", "trained on valence and arousal, not on classes"),
        ((), 0.5, None, None, "give --arousal, from"),
        ((), None, None, None, "give --valence and --arousal, from"),
        ((), 1.5, 0.0, None, "--valence must be from -1 to 1, not 1.5"),
        ((), 0.0, float("nan"), None, "--arousal must be from -1 to 1, not nan"),
        (("cat", "dog"), 0.5, 0.5, None, r"trained on classes, .* give --class \(cat, dog\)"),
        (("cat", "dog"), None, None, "cow", "there is no class 'cow'; known: cat, dog"),
        (("cat", "dog"), None, None, None, "give --class and one of cat, dog"),
    ],
)
def test_label_of_wrong_request_is_refused(
    classes: tuple[str, ...], valence: float | None, arousal: float | None, name: str | None, fault: str
) -> None:
    with pytest.raises(InputError, match=fault):
        label_of(classes, valence, arousal, name)
