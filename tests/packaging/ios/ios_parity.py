"""The same sounds answered in Python and in Swift: resampling, clips, windows, pooling, intervals, and the JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from sentio_mobile._internal.files import sha256, write_json
from sentio_mobile._internal.records import json_bytes, replace
from sentio_mobile.bundle.manifest import SCHEMA
from sentio_mobile.inference.emotion import Emotion
from sentio_mobile.inference.predictor import Predictor
from sentio_mobile.spec import AudioSpec, ModelSpec, Uncertainty

SHORT = AudioSpec(seconds=4.0)
PLAIN = ModelSpec(architecture="none", audio=SHORT, form="waveform")


@dataclass(frozen=True)
class Case:
    """A sound and a model for it."""

    rate: int
    seconds: float
    every: float | None
    spec: ModelSpec = PLAIN


CASES = (
    Case(44_100, 10.3, 1.0),
    Case(48_000, 9.0, 0.37),
    Case(22_050, 4.0, 2.0),
    Case(8_000, 2.5, 1.0),
    Case(96_000, 1.0, 1.0, replace(PLAIN, audio=replace(SHORT, short_clip="loop"))),
    Case(44_100, 15.0, None, replace(PLAIN, pooling="mean")),
    Case(32_000, 5.0, 1.0, replace(PLAIN, uncertainty=Uncertainty(0.9, (0.25, 0.9), 40))),
)


def sound(case: Case) -> NDArray[np.float32]:
    """Three tones that rise and an offset, so that each window has a mean and a level of its own."""
    time = np.arange(round(case.seconds * case.rate)) / case.rate
    tones = sum(np.sin(2 * np.pi * hertz * time) for hertz in (220, 1_500, 3_300))
    return (0.05 * (1 + time) * tones / 3 + 0.02 * time).astype(np.float32)


def lay_out(folder: Path, inside: str) -> None:
    """Model folders, sounds, and the list of them, in a folder that Swift sees as `inside`."""
    entries = []
    for index, case in enumerate(CASES):
        place = folder / f"case-{index}"
        place.mkdir()
        (place / "model.fake").write_bytes(b"none")
        sound(case).tofile(place / "pcm.raw")
        artifact = {"format": "fake", "precision": "fp32", "form": "waveform", "path": "model.fake", "parity": None}
        manifest = {
            "schema": SCHEMA,
            **{"name": "none", "release": "1", "licence": "none", "spec": case.spec.to_dict()},
            **{"artifacts": [artifact], "files": {"model.fake": {"sha256": sha256(place / "model.fake"), "bytes": 4}}},
        }
        write_json(place / "manifest.json", manifest)
        at = f"{inside}/case-{index}"
        entries.append({"folder": at, "pcm": f"{at}/pcm.raw", "rate": case.rate, "every": case.every})
    (folder / "cases.json").write_text(json.dumps(entries), encoding="utf-8")


def expected(temporary: Path) -> Iterator[dict[str, Any]]:
    """What Python answers, case after case, as Swift writes it."""
    for case in CASES:
        predictor = Predictor(spec=case.spec, run=_statistics)
        pcm = sound(case)
        windows = []
        if case.every is not None:
            file = temporary / "song.wav"
            soundfile.write(file, pcm, case.rate, subtype="FLOAT")
            windows = [_row(emotion) | {"song": "song"} for emotion in predictor.trajectory(file, case.every)]
        yield {"whole": _row(predictor.predict_pcm(pcm, case.rate, "song")), "windows": windows}


def _row(emotion: Emotion) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(json_bytes(emotion.to_prediction()))
    return row


def _statistics(given: NDArray[np.float32]) -> NDArray[np.float32]:
    wide = given.astype(np.float64)
    return np.stack([wide.mean(axis=1), np.sqrt((wide**2).mean(axis=1))], axis=1).astype(np.float32)
