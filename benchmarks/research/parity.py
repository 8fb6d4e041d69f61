"""Measure how far models that take PCM are from the reference.

    python benchmarks/research/parity.py RUN OUT.json [MUSIC]

RUN is a finished run folder, of which `student` and `bundle` are read. MUSIC is a folder of recordings that are added
to the generated sounds. For each class of sound and each format, OUT.json and the table OUT.md hold the largest
difference of

- the log-mel from librosa's, in dB, wherever librosa's level is above -79 dB: only the front end is exported for it;
- valence and arousal from the same format's predictions for the reference front end's image;

and, for PyTorch, of a network in half precision behind the front end in single precision. Silence has no librosa
reference, because librosa makes all its values the loudest: it is compared with the floor.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sentio_mobile._internal.records import replace
from sentio_mobile.audio.decode import decode, fit_length
from sentio_mobile.audio.find import AUDIO_SUFFIXES
from sentio_mobile.audio.graph import FrontEnd
from sentio_mobile.audio.image import clip_to_input
from sentio_mobile.bundle.bundle import open_bundle
from sentio_mobile.data.generated import draw_songs, render
from sentio_mobile.formats.base import Runner, write_artifact
from sentio_mobile.formats.registry import MAIN_FORMATS, get_format
from sentio_mobile.models.blocks import fold_norms
from sentio_mobile.models.checkpoint import Checkpoint, package_versions
from sentio_mobile.spec import AudioSpec, ModelSpec

Clip = NDArray[np.float32]
SONGS = 6
ABOVE_DB = -79.0


class Levels(nn.Module):
    """The front end alone, up to the log-mel: PCM [1, n_samples] to levels in dB [1, n_mels, n_frames]."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.front_end = FrontEnd(spec)

    def forward(self, pcm: torch.Tensor) -> torch.Tensor:
        """[1, n_samples] -> [1, n_mels, n_frames]."""
        return self.front_end.log_mel(pcm)


def sounds(spec: AudioSpec, music: Path | None) -> dict[str, list[Clip]]:
    """Clips [n_samples] of each class."""
    generated = [fit_length(render(song, spec.sample_rate), spec) for song in draw_songs(SONGS, seed=77)]
    real = []
    if music is not None:
        files = sorted(file for file in music.rglob("*") if file.suffix in AUDIO_SUFFIXES)
        chosen = files[:: max(1, len(files) // SONGS)][:SONGS]
        real = [fit_length(decode(file, spec.sample_rate), spec) for file in chosen]
    songs, time = real or generated, np.arange(spec.n_samples)
    return {
        "generated music": generated,
        **({"real music": real} if real else {}),
        "music at -60 dB": [(clip * 1e-3).astype(np.float32) for clip in songs],
        "music on a DC offset of 0.5": [(clip / 2 + 0.5).astype(np.float32) for clip in songs],
        "a clip of 9 s": [np.where(time < 9 * spec.sample_rate, clip, 0).astype(np.float32) for clip in songs],
        "full-scale square wave": [np.where(time % 50 < 25, 1, -1).astype(np.float32)],
        "white noise": [np.random.default_rng(0).normal(0, 0.1, spec.n_samples).astype(np.float32)],
        "impulse": [np.where(time == 300_000, 1, 0).astype(np.float32)],
        "silence": [np.zeros(spec.n_samples, dtype=np.float32)],
    }


def librosa_log_mel(clip: Clip, spec: AudioSpec) -> Clip:
    """librosa's log-mel in dB [n_mels, n_frames]; the floor for a clip that is silent."""
    if not clip.any():
        return np.full((spec.n_mels, spec.n_frames), spec.floor_db, dtype=np.float32)
    mel = librosa.feature.melspectrogram(
        y=clip,
        sr=spec.sample_rate,
        n_fft=spec.n_fft,
        hop_length=spec.hop_length,
        n_mels=spec.n_mels,
        fmin=spec.f_min,
        fmax=spec.f_max,
        pad_mode="reflect",
    )
    levels: Clip = librosa.power_to_db(mel, ref=np.max, top_db=-spec.floor_db)
    return levels


def worst(clips: list[Clip], difference: Callable[[Clip], float]) -> float:
    """The largest difference of any clip."""
    return max(difference(clip) for clip in clips)


def level_difference(run: Runner, spec: AudioSpec) -> Callable[[Clip], float]:
    """The largest difference of a front end from librosa, in dB."""

    def of(clip: Clip) -> float:
        expected = librosa_log_mel(clip, spec)
        valid = expected > ABOVE_DB if clip.any() else expected == expected
        return float(np.abs(run(clip[None])[0] - expected)[valid].max())

    return of


def prediction_difference(waveform: Runner, spectrogram: Runner, spec: ModelSpec) -> Callable[[Clip], float]:
    """The largest difference between the predictions of the two forms."""
    return lambda clip: float(np.abs(waveform(clip[None]) - spectrogram(clip_to_input(clip, spec))).max())


def half_precision(student: Checkpoint) -> Runner:
    """PyTorch with the front end in single and the network in half precision, taking PCM."""
    front_end, model = FrontEnd(student.spec), fold_norms_of(student.model).half()

    def run(pcm: Clip) -> Clip:
        with torch.inference_mode():
            predictions: Clip = model(front_end(torch.from_numpy(pcm)).half()).float().numpy()
        return predictions

    return run


def fold_norms_of(model: nn.Module) -> nn.Module:
    """The network as it is exported."""
    fold_norms(model.eval())
    return model


def as_table(record: dict[str, Any]) -> str:
    """The record as Markdown: a row for each class of sound."""
    table = record["differences"]
    columns = [(kind, who) for kind, cells in next(iter(table.values())).items() for who in cells]
    head = " | ".join(f"{kind}: {who}" for kind, who in columns)
    lines = [f"| sound (clips) | {head} |", "|---" * (len(columns) + 1) + "|"]
    for what, cells in table.items():
        values = " | ".join(f"{cells[kind][who]:.1e}" for kind, who in columns)
        lines.append(f"| {what} ({record['clips'][what]}) | {values} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write OUT.json and OUT.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="Folder of the run.")
    parser.add_argument("out", type=Path, metavar="OUT.json")
    parser.add_argument("music", type=Path, nargs="?", help="Folder of recordings.")
    options = parser.parse_args(arguments)
    run, out = options.run, options.out
    bundle = open_bundle(run / "bundle")
    spec, pcm_spec = bundle.spec, bundle.spec.in_form("waveform")
    classes = sounds(spec.audio, options.music)
    table: dict[str, dict[str, dict[str, float]]] = {name: {"log-mel, dB": {}, "predictions": {}} for name in classes}
    alone = replace(pcm_spec, architecture="front-end", output_name="levels")
    for name in MAIN_FORMATS:
        format_ = get_format(name)
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            artifact = write_artifact(format_, format_.convert(Levels(spec), alone), spec=alone, folder=Path(folder))
            levels = level_difference(format_.open(artifact.path, alone, 1), spec.audio)
            pcm = format_.open(bundle.artifact(name, "waveform").path, pcm_spec, 1)
            image = format_.open(bundle.artifact(name, "spectrogram").path, spec, 1)
            predictions = prediction_difference(pcm, image, spec)
            for what, clips in classes.items():
                table[what]["log-mel, dB"][name] = worst(clips, levels)
                table[what]["predictions"][name] = worst(clips, predictions)
                print(what, name, table[what]["log-mel, dB"][name], table[what]["predictions"][name])
    reference = get_format("torchscript").open(bundle.artifact("torchscript").path, spec, 1)
    halved = prediction_difference(half_precision(Checkpoint.load(run / "student")), reference, spec)
    for what, clips in classes.items():
        table[what]["predictions"]["PyTorch, network in fp16"] = worst(clips, halved)
    record = {"clips": {what: len(clips) for what, clips in classes.items()}, "differences": table}
    out.write_text(json.dumps({**record, "versions": package_versions()}, indent=1) + "\n")
    out.with_suffix(".md").write_text(as_table(record))


if __name__ == "__main__":
    main()
