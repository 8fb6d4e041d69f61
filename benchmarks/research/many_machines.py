"""Measure what a song costs a core by stage, and Ray against this machine's own processes on the same cores.

    python benchmarks/research/many_machines.py OUT.json --songs 400

Generated MP3s of 45 s, 44.1 kHz, stereo, like DEAM's. The cost of a stage is processor time of the function that a
worker calls for each song, the median over turns. The two engines prepare SONGS and twice as many, each in a process of
its own: the difference of the two times is that of SONGS without the start of either. Memory is the resident size of
Ray's largest worker, its maximum in each quarter of the longer run.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from store import make_deam_like
from threadpoolctl import threadpool_limits

from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.records import to_plain
from sentio_mobile._internal.workers import usable_cores
from sentio_mobile.benchmarks.machine import describe_machine
from sentio_mobile.data.clips import Reading
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.engines.predict import LibrarySong, PredictWork
from sentio_mobile.engines.prepare import PrepareWork
from sentio_mobile.engines.work import folder_sha256
from sentio_mobile.inference.default_model import default_bundle
from sentio_mobile.spec import AudioSpec

CORES = (1, 8, 64, 256, 1000)
"""Numbers of cores of the table on paper."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write OUT.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--songs", type=int, default=400)
    parser.add_argument("--turns", type=int, default=5, help="Measurements of the cost of each stage.")
    parser.add_argument("--costs-alone", action="store_true", help="Leave the comparison of the engines out.")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.out.absolute().parent) as folder:
        work = Path(folder)
        make_deam_like(work / "songs")
        songs = sorted((work / "songs").iterdir())
        costs = {stage: cost(run, songs, options.turns) for stage, run in stages().items()}
        record = {
            "command": f"python benchmarks/research/many_machines.py OUT.json --songs {options.songs}",
            "machine": to_plain(describe_machine()),
            "core_seconds_per_song": {stage: round(seconds, 4) for stage, seconds in costs.items()},
            "songs_per_hour": {
                stage: {str(cores): round(cores * 3600 / seconds) for cores in CORES}
                for stage, seconds in costs.items()
            },
        }
        if not options.costs_alone:
            record |= {"cores": usable_cores(), "engines": compare(songs, work, options.songs)}
    write_json(options.out, record)


def stages() -> dict[str, Any]:
    """What a worker calls for each song, by stage."""
    prepare = PrepareWork(audio=AudioSpec(), recipe=DataRecipe())
    model = default_bundle()
    predict = PredictWork(
        model=model, model_sha256=folder_sha256(model), format_name="onnx", form=None, threads=1, every=None
    )
    predict.open()
    return {
        "prepare": lambda song: prepare.rows(Reading(song)),
        "predict": lambda song: predict.rows(LibrarySong(song.name, str(song))),
    }


def cost(run: Any, songs: Sequence[Path], turns: int) -> float:
    """Processor seconds of a song, the median over turns."""
    times = []
    with threadpool_limits(1):
        run(songs[0])
        for _ in range(turns):
            start = time.process_time()
            for song in songs:
                run(song)
            times.append((time.process_time() - start) / len(songs))
    return statistics.median(times)


def compare(songs: Sequence[Path], work: Path, count: int) -> dict[str, Any]:
    """Songs a second of both engines, each on all usable cores."""
    libraries = [make_library(work / f"music{n}", songs, n) for n in (count, 2 * count)]
    found: dict[str, Any] = {}
    for engine in ("local", "ray"):
        runs = [prepare_with(engine, library, work / f"{engine}-{library.name}") for library in libraries]
        (short, _), (long, memory) = runs
        found[engine] = {"seconds": [round(short, 2), round(long, 2)], "songs_per_s": round(count / (long - short), 2)}
        if memory:
            found[engine]["largest_worker_mb_by_quarter"] = memory
    found["ray_to_local"] = round(found["ray"]["songs_per_s"] / found["local"]["songs_per_s"], 3)
    return found


def make_library(folder: Path, songs: Sequence[Path], count: int) -> Path:
    """A folder of so many songs. Those with the same sound differ in their tags, so in their bytes."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:06}.mp3").write_bytes(songs[number % len(songs)].read_bytes() + b"TAG%0125d" % number)
    return folder


def prepare_with(engine: str, library: Path, out: Path) -> tuple[float, list[int]]:
    """Seconds of `data prepare`, and with Ray the memory of its largest worker by quarter of the run, in MB."""
    command = [sys.executable, "-m", "sentio_mobile", "data", "prepare", library, "--out", out, "--engine", engine]
    sizes: list[tuple[float, int]] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.25):
            largest = 0
            for process in psutil.process_iter(["cmdline", "memory_info"]):
                with suppress(psutil.Error, TypeError):
                    if (process.info["cmdline"] or [""])[0].startswith("ray::MapWorker"):
                        largest = max(largest, process.info["memory_info"].rss)
            if largest:
                sizes.append((time.monotonic(), largest))

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.monotonic()
    try:
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
    finally:
        seconds = time.monotonic() - start
        done.set()
        watcher.join()
    if not sizes:
        return seconds, []
    first, last = sizes[0][0], sizes[-1][0]
    quarters: list[list[int]] = [[], [], [], []]
    for at, size in sizes:
        quarters[min(3, int(4 * (at - first) / max(last - first, 1e-9)))].append(size)
    return seconds, [round(max(quarter, default=0) / 1e6) for quarter in quarters]


if __name__ == "__main__":
    main()
