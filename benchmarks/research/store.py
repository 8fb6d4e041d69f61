"""Measure how fast songs are prepared, and whether the time per clip depends on the number of clips.

    python benchmarks/research/store.py OUT.json --clips 200,2000,20000

For each size, MP3s of 30 s (22,050 Hz, mono) are generated and prepared in a process that kills itself halfway. A new
process continues, and a third one prepares them with another seed when everything is stored. Then MP3s of 45 s like
DEAM's (44.1 kHz, stereo) are prepared, alternating with a plain librosa loop. Twenty thousand clips temporarily take
about 10 GB of disk, beside OUT.json or in the folder of --work.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from sentio_mobile._internal.files import sha256, write_json
from sentio_mobile._internal.records import to_plain
from sentio_mobile.audio.decode import decode
from sentio_mobile.audio.image import clip_to_mel
from sentio_mobile.benchmarks.machine import describe_machine
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.generated import draw_songs, render
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import open_data
from sentio_mobile.spec import AudioSpec

SONGS = 24
RATE = 22_050
BLOCK = 16


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write OUT.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--clips", type=lambda text: [int(n) for n in text.split(",")], default=[200, 2000])
    parser.add_argument("--turns", type=int, default=12, help="Measurements of the toolkit and of librosa.")
    parser.add_argument("--work", type=Path, help="Folder for temporary files.")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        kill_at, seed, manifest, out = options.one
        measure_one(int(kill_at), int(seed), Path(manifest), Path(out))
        return
    with tempfile.TemporaryDirectory(dir=options.work or options.out.absolute().parent) as folder:
        work = Path(folder)
        machine = to_plain(describe_machine())
        songs = [encode(render(song, RATE), RATE) for song in draw_songs(SONGS, seed=1)]
        sizes = [measure_size(count, songs, work) for count in options.clips]
        deam_like = work / "deam_like"
        make_deam_like(deam_like)
        record = {
            "command": f"python benchmarks/research/store.py OUT.json --clips {','.join(map(str, options.clips))}",
            "machine": machine,
            "sizes": sizes,
            "parts_ms": parts(deam_like),
            "librosa": compare(deam_like, work, options.turns),
        }
    write_json(options.out, record)


def encode(pcm: np.ndarray, rate: int) -> bytes:
    """Encode PCM as an MP3."""
    stream = io.BytesIO()
    soundfile.write(stream, pcm, rate, format="MP3")
    return stream.getvalue()


def make_library(folder: Path, count: int, songs: list[bytes]) -> Path:
    """Write a manifest of `count` songs. Songs with the same sound differ in their tags, so in their bytes."""
    folder.mkdir()
    lines = ["path,valence_mean,arousal_mean"]
    for i in range(count):
        (folder / f"{i}.mp3").write_bytes(songs[i % len(songs)] + b"TAG%0125d" % i)
        lines.append(f"{i}.mp3,{1 + i % 81 / 10.125:.2f},{1 + i * 7 % 83 / 10.375:.2f}")
    manifest = folder / "songs.csv"
    manifest.write_text("\n".join(lines) + "\n")
    return manifest


def measure_size(count: int, songs: list[bytes], work: Path) -> dict[str, Any]:
    """Prepare a library of `count` songs: the first half, the second half, and again with everything stored."""
    print(f"{count} clips", file=sys.stderr)
    start = time.monotonic()
    manifest = make_library(work / f"music{count}", count, songs)
    generating = time.monotonic() - start
    out = work / f"prepared{count}"
    half = count // 2
    first, second, again = (run_one(kill_at, seed, manifest, out) for kill_at, seed in ((half, 0), (0, 0), (0, 1)))
    data = open_data(out)
    assert len(data.mels) == count, "clips are not distinct, or a run lost some"
    store = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    music = sum(path.stat().st_size for path in manifest.parent.iterdir())
    shutil.rmtree(manifest.parent)
    shutil.rmtree(out)
    decoding = first["seconds"] + second["seconds"] - again["seconds"]
    return {
        "clips": count,
        "clips_per_s": round(count / decoding, 1),
        "first_half_ms_per_clip": round(1e3 * first["seconds"] / half, 2),
        "second_half_ms_per_clip": round(1e3 * (second["seconds"] - again["seconds"]) / (count - half), 2),
        "resumed_at": second["stored"],
        "all_stored_s": round(again["seconds"], 2),
        "all_stored_ms_per_clip": round(1e3 * again["seconds"] / count, 3),
        "open_s": again["open_s"],
        "peak_rss_mb": max(run["peak_rss_mb"] for run in (first, second, again)),
        "peak_rss_all_stored_mb": again["peak_rss_mb"],
        "store_mb": round(store / 1e6, 1),
        "audio_mb": round(music / 1e6, 1),
        "generating_the_audio_s": round(generating, 1),
    }


def run_one(kill_at: int, seed: int, manifest: Path, out: Path) -> dict[str, Any]:
    """Run `measure_one` in a new process."""
    command = [sys.executable, __file__, "-", "--one", str(kill_at), str(seed), str(manifest), str(out)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != (-signal.SIGKILL if kill_at else 0):
        raise SystemExit(f"{' '.join(command)} left with {done.returncode}")
    return json.loads(done.stdout)


class KillsItself:
    """Kills the process with SIGKILL after a number of songs, after printing the facts; 0 for never."""

    def __init__(self, at: int, facts: dict[str, Any]) -> None:
        self.at, self.facts, self.done = at, facts, 0

    def start(self, what: str, total: int) -> None:
        """Nothing to do."""

    def advance(self, n: int = 1, note: str = "") -> None:
        """Count songs, and kill the process at the given number."""
        self.done += n
        if self.done == self.at:
            print_facts(self.facts)
            os.kill(os.getpid(), signal.SIGKILL)

    def say(self, line: str) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Nothing to do."""


def measure_one(kill_at: int, seed: int, manifest: Path, out: Path) -> None:
    """Prepare, and print seconds, peak memory, and the number of records that were stored before."""
    journals = list(out.glob("store/*/journal.jsonl"))
    stored = len(journals[0].read_bytes().splitlines()) if journals else 0
    facts: dict[str, Any] = {"stored": stored, "begun": time.monotonic()}
    recipe = DataRecipe(seed=seed)
    prepare(manifest, out, recipe=recipe, audio=AudioSpec(), progress=KillsItself(kill_at, facts), overwrite=True)
    facts["seconds"] = time.monotonic() - facts["begun"]
    start = time.monotonic()
    open_data(out)
    facts["open_s"] = round(time.monotonic() - start, 3)
    print_facts(facts)


def print_facts(facts: dict[str, Any]) -> None:
    """Print the measurements, with the peak memory of this process."""
    status = Path("/proc/self/status").read_text()
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    values = {"seconds": time.monotonic() - facts["begun"], **facts, "peak_rss_mb": round(int(peak) * 1024 / 1e6, 1)}
    print(json.dumps(values), flush=True)


def make_deam_like(folder: Path) -> None:
    """Generate MP3s of 45 s at 44.1 kHz in stereo, like DEAM's."""
    folder.mkdir()
    for i, song in enumerate(draw_songs(BLOCK, seed=2)):
        pcm = render(song, 2 * RATE)
        pcm = np.concatenate([pcm, pcm[: len(pcm) // 2][::-1]])
        (folder / f"{i}.mp3").write_bytes(encode(np.stack([pcm, 0.8 * np.roll(pcm, 200)], axis=1), 2 * RATE))


def parts(folder: Path) -> dict[str, float]:
    """Median milliseconds per clip of each step of the work."""
    audio = AudioSpec()
    times: dict[str, list[float]] = {}
    for path in sorted(folder.iterdir()):
        pcm = decode(path, audio.sample_rate, 0.0, audio.seconds)
        works: dict[str, Callable[[], object]] = {
            "hash": partial(sha256, path),
            "decode_mix_resample": partial(decode, path, audio.sample_rate, 0.0, audio.seconds),
            "log_mel": partial(clip_to_mel, pcm, audio),
        }
        for name, work in works.items():
            start = time.perf_counter()
            work()
            times.setdefault(name, []).append(1e3 * (time.perf_counter() - start))
    return {name: round(statistics.median(values), 1) for name, values in times.items()}


def compare(folder: Path, work: Path, turns: int) -> dict[str, Any]:
    """Time the toolkit and a librosa loop in turns on the same files; the ratio of clips per second, with interval."""
    times = np.array(list(take_turns(folder, work, turns)))
    logs = np.log(times[:, 1, 0] / times[:, 0, 0])
    random = np.random.default_rng(0)
    means = random.choice(logs, (10_000, len(logs))).mean(axis=1)
    low, high = np.exp(np.quantile(means, (0.025, 0.975)))
    (toolkit, toolkit_cpu), (librosa, librosa_cpu) = np.median(times, axis=0) / BLOCK
    return {
        "clips_per_turn": BLOCK,
        "turns": turns,
        "toolkit_clips_per_s": round(1 / toolkit, 1),
        "librosa_clips_per_s": round(1 / librosa, 1),
        "ratio": {"value": float(np.exp(logs.mean())), "low": float(low), "high": float(high)},
        "toolkit_cpu_ms_per_clip": round(1e3 * toolkit_cpu, 1),
        "librosa_cpu_ms_per_clip": round(1e3 * librosa_cpu, 1),
    }


def take_turns(folder: Path, work: Path, turns: int) -> Iterator[list[tuple[float, float]]]:
    """Wall and CPU seconds of the toolkit and of librosa for the same files; which one goes first alternates."""
    files, audio = sorted(folder.iterdir()), AudioSpec()
    for turn in range(-1, turns):
        took = [(0.0, 0.0), (0.0, 0.0)]
        for who in (0, 1) if turn % 2 else (1, 0):
            out = work / f"turn{turn}"
            start, cpu = time.perf_counter(), time.process_time()
            if who == 0:
                prepare(folder, out, recipe=DataRecipe(), audio=audio)
            else:
                librosa_loop(files, audio)
            took[who] = (time.perf_counter() - start, time.process_time() - cpu)
        shutil.rmtree(out)
        # The first turn is a warm-up.
        if turn >= 0:
            yield took


def librosa_loop(files: list[Path], audio: AudioSpec) -> None:
    """The same work as a plain librosa loop."""
    import librosa

    for path in files:
        pcm, _ = librosa.load(path, sr=audio.sample_rate, duration=audio.seconds)
        power = librosa.feature.melspectrogram(
            y=pcm,
            sr=audio.sample_rate,
            n_fft=audio.n_fft,
            hop_length=audio.hop_length,
            n_mels=audio.n_mels,
            fmin=audio.f_min,
            fmax=audio.f_max,
        )
        librosa.power_to_db(power, ref=np.max)


if __name__ == "__main__":
    main()
