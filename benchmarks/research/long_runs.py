"""Measure whether memory, files and threads stay the same over many predictions and many files.

    python benchmarks/research/long_runs.py OUT.json --predictions 1000 --files 20000 --hours 10

The model that comes with the package predicts one short file again and again, and then windows over the whole of one
long file; a folder of tiny files is prepared, and predicted with a log, as `predict --out --log` does it. The record
has memory, open files and threads at ten moments of each, of this process and of those that it started; the exit status
is 1 if one of them grew after the first tenth by more than the limits below. The long file is FLAC, takes some 100 MB
an hour beside OUT.json, and is removed. 0 leaves a part out; parts that OUT.json has already stay in it.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import soundfile

import sentio_mobile
from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.records import to_plain
from sentio_mobile.benchmarks.machine import describe_machine
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.prepare import prepare
from sentio_mobile.inference.log import LogFile
from sentio_mobile.inference.opening import ModelChoice
from sentio_mobile.inference.part_file import PartFile, PartSettings
from sentio_mobile.inference.predictor import Predictor
from sentio_mobile.inference.songs import predict_songs
from sentio_mobile.monitoring.log import read_log
from sentio_mobile.spec import AudioSpec

MAX_GROWTH = {"memory_mb": 50.0, "files": 2, "threads": 2}
"""What may be added after the first tenth."""
MOMENTS = 10
RATE = 22_050
EVERY_S = 120.0
"""Seconds from one predicted window of the long file to the next."""


def state() -> dict[str, float]:
    """What this process and those that it started hold, in the words of `MAX_GROWTH`."""
    gc.collect()
    this = psutil.Process()
    processes = [this, *this.children(recursive=True)]
    memory = sum(one.memory_info().rss for one in processes) / 1e6
    files, threads = (sum(getattr(one, name)() for one in processes) for name in ("num_fds", "num_threads"))
    return {"memory_mb": round(memory, 1), "files": files, "threads": threads}


def growth(moments: Sequence[dict[str, float]]) -> dict[str, float]:
    """How much the last moment has over the first one."""
    return {name: round(moments[-1][name] - moments[0][name], 1) for name in MAX_GROWTH}


def tiny(path: Path, number: int) -> Path:
    """A tenth of a second of noise; each file is another."""
    sound = 0.1 * np.random.default_rng(number).standard_normal(800).astype(np.float32)
    soundfile.write(path, sound, 8000)
    return path


def long_file(path: Path, hours: float) -> Path:
    """Hours of a slowly turning tone in noise, written minute by minute."""
    random, time_s = np.random.default_rng(0), np.arange(60 * RATE) / RATE
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16", format="FLAC") as file:
        for minute in range(round(60 * hours)):
            tone = 0.2 * np.sin(2 * np.pi * (110 + minute % 37 * 20) * time_s)
            file.write((tone + 1e-3 * random.standard_normal(len(time_s))).astype(np.float32))
    return path


def walk(model: Predictor, song: Path, hours: float) -> list[dict[str, float]]:
    """Predict windows over a long file, and look at ten moments."""
    windows, moments = int((hours * 3600 - 30) / EVERY_S) + 1, []
    found = 0
    for found, _ in enumerate(model.trajectory(song, EVERY_S), 1):
        if found % max(1, windows // MOMENTS) == 0:
            moments.append(state())
    assert found == windows, (found, windows)
    return moments


def repeat(step: Callable[[int], object], count: int) -> list[dict[str, float]]:
    """Call a step so many times, and look at ten moments, the first after a tenth."""
    moments = []
    for number in range(count):
        step(number)
        if (number + 1) % max(1, count // MOMENTS) == 0:
            moments.append(state())
    return moments


class Moments:
    """Progress of `prepare` that looks at this process at ten moments."""

    def __init__(self) -> None:
        self.found: list[dict[str, float]] = []
        self._total = self._done = 0

    def start(self, what: str, total: int) -> None:
        """Begin."""
        self._total, self._done = total, 0

    def advance(self, n: int = 1, note: str = "") -> None:
        """Count, and look at every tenth of the files."""
        before, self._done = self._done, self._done + n
        if MOMENTS * self._done // self._total > MOMENTS * before // self._total:
            self.found.append(state())

    def say(self, line: str) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """End."""


def prepared(folder: Path) -> list[dict[str, float]]:
    """Prepare the tiny files; each is of use."""
    moments, audio = Moments(), AudioSpec(seconds=1.0)
    assert not prepare(folder / "music", folder / "out", recipe=DataRecipe(), audio=audio, progress=moments)
    return moments.found


def predicted(folder: Path) -> list[dict[str, float]]:
    """Predict the tiny files as the command does: what is done is kept in a part file and in a log."""
    moments, model = Moments(), ModelChoice(folder=None)
    songs = sorted((folder / "music").iterdir())
    settings = PartSettings(model=model.sha256, format=model.format_name, form=None, precision=None, every=None)
    log, predictor = LogFile(folder / "log.jsonl", model="default", model_sha256=model.sha256), model.open()
    with PartFile(folder / "songs.csv", settings) as part, log:
        found = predict_songs(predictor, songs, progress=moments, model=model, part=part, on_song=log.add)
    assert len(found.emotions) == len(songs)
    assert len(read_log([log.path])) == len(songs)
    return moments.found


def note(record: dict[str, Any], name: str, number: float, work: Callable[[], list[dict[str, float]]]) -> None:
    """Do a part, and note how much there was, seconds by the clock and of the processor, the moments and the growth."""
    start, cpu = time.monotonic(), sum(os.times()[:4])
    moments = work()
    seconds = {"seconds": round(time.monotonic() - start, 1), "cpu_seconds": round(sum(os.times()[:4]) - cpu, 1)}
    record[name] = {"number": number, **seconds, "moments": moments}
    record["growth"][name] = growth(moments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the record to write")
    parser.add_argument("--predictions", type=int, default=1000)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--hours", type=float, default=10.0)
    options = parser.parse_args(arguments)
    record: dict[str, Any] = {"growth": {}, **(json.loads(options.out.read_text()) if options.out.exists() else {})}
    record |= {"limits": MAX_GROWTH, "machine": to_plain(describe_machine())}
    with tempfile.TemporaryDirectory(dir=options.out.absolute().parent) as name:
        folder = Path(name)
        if options.predictions:
            song, model = tiny(folder / "song.wav", 0), sentio_mobile.load()
            note(
                record,
                "predicting",
                options.predictions,
                lambda: repeat(lambda _: model.predict(song), options.predictions),
            )
        if options.hours:
            long, model = long_file(folder / "long.flac", options.hours), sentio_mobile.load()
            record["long_file_mb"] = round(long.stat().st_size / 1e6)
            note(record, "long_file", options.hours, lambda: walk(model, long, options.hours))
            long.unlink()
        if options.files:
            (folder / "music").mkdir()
            for number in range(options.files):
                tiny(folder / "music" / f"{number}.wav", number)
            note(record, "preparing", options.files, lambda: prepared(folder))
            write_json(options.out, record)
            note(record, "predicting_files", options.files, lambda: predicted(folder))
    write_json(options.out, record)
    print(record["growth"])
    if any(found[name] > limit for found in record["growth"].values() for name, limit in MAX_GROWTH.items()):
        sys.exit(1)


if __name__ == "__main__":
    main()
