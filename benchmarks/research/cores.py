"""Measure `data prepare` and `predict FOLDER` against one librosa loop, the sides taking turns on the same files.

    python benchmarks/research/cores.py OUT.json [--clips 240] [--turns 8] [--bundle models/default]

The files are mp3s of 45 s like DEAM's (44.1 kHz, stereo), of which 30 s are heard. librosa's side is one process, as a
plain script is: `librosa.load`, `melspectrogram` and `power_to_db`, and for `predict` the same model after that. The
toolkit's side includes the start of its worker processes. Give it as many quiet cores as the result is to be stated
for, for example by `taskset -c 0,1`; the number of usable cores stands in the record.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from store import librosa_loop, make_deam_like

from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.records import to_plain
from sentio_mobile._internal.workers import usable_cores, useful_workers
from sentio_mobile.audio.image import mel_to_input
from sentio_mobile.audio.logmel import normalize_log_mel
from sentio_mobile.benchmarks.machine import describe_machine
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.prepare import prepare
from sentio_mobile.inference.opening import ModelChoice
from sentio_mobile.inference.songs import predict_songs
from sentio_mobile.spec import AudioSpec


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write OUT.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--clips", type=int, default=240, help="Songs a turn.")
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--bundle", type=Path, help="The model of `predict`; by default the one of the package.")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.out.absolute().parent) as place:
        work = Path(place)
        files = make_library(work, options.clips)
        model = ModelChoice(folder=options.bundle)
        record = {
            "command": f"python benchmarks/research/cores.py OUT.json --clips {options.clips} --turns {options.turns}",
            "machine": to_plain(describe_machine()),
            "usable_cores": usable_cores(),
            "processes": useful_workers(len(files)),
            "clips_per_turn": len(files),
            "data_prepare": take_turns(
                lambda: prepare_once(files[0].parent, work / "prepared"),
                lambda: librosa_loop(files, AudioSpec()),
                turns=options.turns,
                clips=len(files),
            ),
            "predict_folder": take_turns(
                lambda: predict_folder(model, files),
                lambda: predict_in_a_loop(model, files),
                turns=options.turns,
                clips=len(files),
            ),
        }
    write_json(options.out, record)


def make_library(work: Path, count: int) -> list[Path]:
    """`count` files. Those with the same sound differ in their tags, so that each is decoded."""
    make_deam_like(work / "sixteen")
    songs = [path.read_bytes() for path in sorted((work / "sixteen").iterdir())]
    shutil.rmtree(work / "sixteen")
    folder = work / "music"
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:05}.mp3").write_bytes(songs[number % len(songs)] + b"TAG%0125d" % number)
    return sorted(folder.iterdir())


def prepare_once(music: Path, out: Path) -> None:
    """`data prepare` into a new folder."""
    skipped = prepare(music, out, recipe=DataRecipe(), audio=AudioSpec())
    assert not skipped, skipped
    shutil.rmtree(out)


def predict_folder(model: ModelChoice, files: list[Path]) -> None:
    """`predict FOLDER`, the opening of the model included."""
    found = predict_songs(model.open(), files, model=model)
    assert len(found.emotions) == len(files), found.faults


def predict_in_a_loop(model: ModelChoice, files: list[Path]) -> None:
    """librosa's log-mel of each file, and the same model on it, in one process."""
    import librosa

    predictor = model.open()
    audio = predictor.spec.audio
    for path in files:
        pcm, _ = librosa.load(path, sr=audio.sample_rate, duration=audio.seconds)
        power = librosa.feature.melspectrogram(
            y=np.pad(pcm, (0, audio.n_samples - len(pcm))),
            sr=audio.sample_rate,
            n_fft=audio.n_fft,
            hop_length=audio.hop_length,
            n_mels=audio.n_mels,
            fmin=audio.f_min,
            fmax=audio.f_max,
        )
        level = librosa.power_to_db(power, ref=np.max)
        predictor.run(mel_to_input(normalize_log_mel(level.astype(np.float32), audio), predictor.spec))


def take_turns(toolkit: Callable[[], None], librosa: Callable[[], None], *, turns: int, clips: int) -> dict[str, Any]:
    """Wall seconds of both sides in turns, which one goes first alternating; the ratio with a 95% interval."""
    times = []
    for turn in range(-1, turns):
        took = {}
        for who in (toolkit, librosa) if turn % 2 else (librosa, toolkit):
            start = time.perf_counter()
            who()
            took[who] = time.perf_counter() - start
        print(f"turn {turn}: {took[toolkit]:.2f} s, librosa {took[librosa]:.2f} s", file=sys.stderr)
        # The first turn is a warm-up.
        if turn >= 0:
            times.append((took[toolkit], took[librosa]))
    seconds = np.array(times)
    logs = np.log(seconds[:, 1] / seconds[:, 0])
    means = np.random.default_rng(0).choice(logs, (10_000, len(logs))).mean(axis=1)
    low, high = np.exp(np.quantile(means, (0.025, 0.975)))
    ours, theirs = 1e3 * np.median(seconds, axis=0) / clips
    return {
        "turns": turns,
        "toolkit_ms_per_clip": round(float(ours), 2),
        "librosa_ms_per_clip": round(float(theirs), 2),
        "ratio": {"value": float(np.exp(logs.mean())), "low": float(low), "high": float(high)},
    }


if __name__ == "__main__":
    main()
