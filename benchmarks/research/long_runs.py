"""Measure whether memory, files and threads stay the same over many predictions and many files.

    python benchmarks/research/long_runs.py OUT.json --predictions 1000 --files 10000

The model that comes with the package predicts one short file again and again, and a folder of tiny files is prepared.
The record has memory, open files and threads of this process at ten moments of each; the exit status is 1 if one of
them grew after the first tenth by more than the limits below.
"""

from __future__ import annotations

import argparse
import gc
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
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.prepare import prepare
from sentio_mobile.spec import AudioSpec

MAX_GROWTH = {"memory_mb": 50.0, "files": 2, "threads": 2}
"""What may be added after the first tenth."""
MOMENTS = 10


def state() -> dict[str, float]:
    """What this process holds, in the words of `MAX_GROWTH`."""
    gc.collect()
    process = psutil.Process()
    memory = process.memory_info().rss / 1e6
    return {"memory_mb": round(memory, 1), "files": process.num_fds(), "threads": process.num_threads()}


def growth(moments: Sequence[dict[str, float]]) -> dict[str, float]:
    """How much the last moment has over the first one."""
    return {name: round(moments[-1][name] - moments[0][name], 1) for name in MAX_GROWTH}


def tiny(path: Path, number: int) -> Path:
    """A tenth of a second of noise; each file is another."""
    sound = 0.1 * np.random.default_rng(number).standard_normal(800).astype(np.float32)
    soundfile.write(path, sound, 8000)
    return path


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

    def finish(self) -> None:
        """End."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the record to write")
    parser.add_argument("--predictions", type=int, default=1000)
    parser.add_argument("--files", type=int, default=10_000)
    options = parser.parse_args(arguments)
    record: dict[str, Any] = {"predictions": options.predictions, "files": options.files, "limits": MAX_GROWTH}
    with tempfile.TemporaryDirectory(dir=options.out.absolute().parent) as name:
        folder, start = Path(name), time.monotonic()
        song, model = tiny(folder / "song.wav", 0), sentio_mobile.load()
        record["predicting"] = repeat(lambda _: model.predict(song), options.predictions)
        record["predicting_s"], start = round(time.monotonic() - start, 1), time.monotonic()
        (folder / "music").mkdir()
        for number in range(options.files):
            tiny(folder / "music" / f"{number}.wav", number)
        moments, start = Moments(), time.monotonic()
        audio = AudioSpec(seconds=1.0)
        skipped = prepare(folder / "music", folder / "out", recipe=DataRecipe(), audio=audio, progress=moments)
        record["preparing"], record["preparing_s"] = moments.found, round(time.monotonic() - start, 1)
        record["skipped"] = len(skipped)
    record["growth"] = {name: growth(record[name]) for name in ("predicting", "preparing")}
    write_json(options.out, record)
    print(record["growth"])
    if any(found[name] > limit for found in record["growth"].values() for name, limit in MAX_GROWTH.items()):
        sys.exit(1)


if __name__ == "__main__":
    main()
