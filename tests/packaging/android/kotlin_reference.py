"""What the Python package gives, written down for the tests of other languages to hold themselves against."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray
from safetensors.numpy import save_file

from sentio_mobile._internal.records import to_plain
from sentio_mobile.audio.decode import fit_length
from sentio_mobile.audio.sliding import windows
from sentio_mobile.inference.emotion import Emotion
from sentio_mobile.spec import AudioSpec, Uncertainty

RATES = (8_000, 11_025, 16_000, 32_000, 44_100, 48_000, 96_000, 192_000, 44_099)
BLOCK = 50_000


def write_reference(folder: Path) -> None:
    """Write `reference.json` and `reference.safetensors`: windows, answers as JSON, short clips, resampled sound."""
    rng = np.random.default_rng(7)
    tensors = {"short": rng.uniform(-1, 1, 777).astype(np.float32)}
    for how in ("silence", "loop"):
        spec = AudioSpec(sample_rate=1000, seconds=3.0, f_max=500.0, short_clip=how)
        tensors[f"fit {how}"] = fit_length(tensors["short"], spec)
    for rate in RATES:
        tensors[f"in {rate}"] = sound = _sound(rate, rng)
        tensors[f"out {rate}"] = soxr.resample(sound, rate, AudioSpec().sample_rate)
    save_file(tensors, folder / "reference.safetensors")
    values = {"windows": _windows(), "emotions": _emotions(), "rates": [{"rate": rate} for rate in RATES]}
    (folder / "reference.json").write_text(json.dumps(values))


def _sound(rate: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A second of tones that the lower of both rates can hold, fading in and out."""
    time, highest = np.arange(rate) / rate, 0.85 * min(rate, AudioSpec().sample_rate) / 2
    tones = (np.sin(2 * np.pi * hz * time + rng.uniform(0, 6)) for hz in rng.uniform(30, highest, 20))
    return (sum(rng.uniform(0.02, 0.1) * tone for tone in tones) * np.hanning(rate)).astype(np.float32)


def _windows() -> list[dict[str, Any]]:
    spec = AudioSpec()
    cases = []
    for samples in (1, 22_050, spec.n_samples - 1, spec.n_samples, spec.n_samples + 1, spec.n_samples + 512, 2_000_000):
        for every in (0.5, 1.0, 2.7, 29.999, 30.0, 45.0):
            found = list(windows(_blocks(samples), spec, every))
            starts, valid = [window.start for window in found], [window.valid_samples for window in found]
            cases.append({"samples": samples, "every": every, "starts": starts, "heard": valid})
    return cases


def _blocks(samples: int) -> Iterator[NDArray[np.float32]]:
    return (np.zeros(min(BLOCK, samples - start), dtype=np.float32) for start in range(0, samples, BLOCK))


def _emotions() -> list[dict[str, Any]]:
    cases = []
    for valence, arousal, half in (
        (0.0000005, -0.25, None),
        (-0.987654321, 0.9999999, (0.3, 0.2)),
        (0.0, -0.1234565, (0.1, 1.5)),
    ):
        known = None if half is None else Uncertainty(0.9, half, 10)
        emotion = Emotion(
            song='a "song" ä.mp3', valence=valence, arousal=arousal, start=1.0217687, end=31.0217687, uncertainty=known
        )
        given = {"song": emotion.song, "valence": valence, "arousal": arousal, "half_width": half}
        cases.append({**given, "start": emotion.start, "end": emotion.end, "json": to_plain(emotion.to_prediction())})
    return cases
