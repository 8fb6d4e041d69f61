"""A probe with its encoder: predictions from sound, for whole clips and over time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import soxr
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.records import NonNegative, Record, Text
from sentio_mobile.audio.decode import decode, fit_length
from sentio_mobile.errors import InputError
from sentio_mobile.models.encoders.base import load_encoder
from sentio_mobile.models.encoders.embeddings import average_steps
from sentio_mobile.teacher.ensemble.features import extract_features
from sentio_mobile.teacher.probe.probe import Probe

STEPS = 3
"""Steps around a moment that its prediction is made from. A probe learned from means over a clip: one step alone is
unlike what it has seen."""

Emotion = Annotated[float, Meta(ge=-1, le=1)]
Curve = Annotated[tuple[Emotion, ...], Meta(max_length=100_000)]


class TimeCourse(Record, frozen=True, kw_only=True):
    """A probe's predictions over the time of one clip."""

    song: Text  # the audio file
    start: NonNegative  # start of the clip in seconds
    end: NonNegative  # end of the clip in seconds
    valence: Emotion  # predicted valence of the clip
    arousal: Emotion  # predicted arousal of the clip
    scale: tuple[Literal[-1], Literal[1]] = (-1, 1)  # range of valence and arousal
    step: NonNegative  # seconds from one prediction to the next
    window: NonNegative  # seconds of sound behind one prediction
    times: Annotated[tuple[NonNegative, ...], Meta(max_length=100_000)]  # middle of each window, in seconds
    valences: Curve  # predicted valence of each window
    arousals: Curve  # predicted arousal of each window


class ListeningProbe:
    """A probe with its encoder loaded."""

    def __init__(self, probe: Probe) -> None:
        """Load the probe's encoder.

        Raises:
            InputError: The encoder is not installed, or is another version of the one that the probe was made for.
        """
        self.probe, self.encoder = probe, load_encoder(probe.sheet.encoder.name)
        probe.require_encoder(self.encoder.info, f"the encoder {self.encoder.info.name}")
        self._averaged = max(1, round(probe.sheet.encoder.hop_s / self.encoder.info.hop_s))

    def embed(self, clip: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embeddings of a clip [time, size], from PCM [samples] at the clips' rate."""
        own, rate = self.probe.sheet.audio.sample_rate, self.encoder.info.sample_rate
        found = self.encoder.embed(clip if own == rate else np.asarray(soxr.resample(clip, own, rate)))
        return average_steps(found, self._averaged).astype(np.float32)

    def predict(self, clips: NDArray[np.float32]) -> NDArray[np.float32]:
        """Valence and arousal of clips [clips, 2], from PCM [clips, samples] at the clips' rate."""
        return np.concatenate([self.probe.predict(self.embed(clip)[None], self._features(clip)) for clip in clips])

    def explain(self, song: Path, start: float = 0.0) -> TimeCourse:
        """Predict one clip of a song over time.

        Args:
            song: An audio file.
            start: Start of the clip in seconds.

        Raises:
            InputError: `start` is negative.
            AudioError: The song cannot be decoded, or ends before `start`.
        """
        if not 0 <= start < float("inf"):
            raise InputError(f"a clip cannot start at {start} s; give seconds from the beginning of the song")
        audio, info = self.probe.sheet.audio, self.probe.sheet.encoder
        sound = decode(song, audio.sample_rate, start, audio.seconds)
        clip = fit_length(sound, audio)
        steps, features = self.embed(clip), self._features(clip)
        whole = self.probe.predict(steps[None], features)[0]
        # Of a song that ends within the clip, the silence after it is not shown.
        heard = max(1, min(len(steps), int(np.ceil(len(sound) / audio.sample_rate / info.hop_s - 1e-6))))
        width = min(STEPS, heard)
        windows = np.stack([steps[i : i + width] for i in range(heard - width + 1)])
        curves = self.probe.predict(windows, None if features is None else np.repeat(features, len(windows), axis=0))
        seconds = info.window_s + (width - 1) * info.hop_s
        return TimeCourse(
            song=str(song),
            start=start,
            end=start + audio.seconds,
            valence=round(float(whole[0]), 6),
            arousal=round(float(whole[1]), 6),
            step=info.hop_s,
            window=seconds,
            times=tuple(round(start + i * info.hop_s + seconds / 2, 3) for i in range(len(windows))),
            valences=tuple(round(float(value), 6) for value in curves[:, 0]),
            arousals=tuple(round(float(value), 6) for value in curves[:, 1]),
        )

    def _features(self, clip: NDArray[np.float32]) -> NDArray[np.float32] | None:
        if not self.probe.needs_features:
            return None
        return extract_features(clip, self.probe.sheet.audio.sample_rate)[None]
