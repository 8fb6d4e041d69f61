"""The commands that kill_table.py stops and thread_spread.py repeats: tiny networks, generated music, ONNX."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from sentio_mobile._internal.files import write_text

COMMANDS = ("prepare", "train", "distill", "export", "run", "predict")
_MAKES = {
    **{"prepare": "data", "train": "teacher", "distill": "student", "export": "bundle"},
    **{"run": "run", "predict": "songs.csv"},
}
_NEEDS = {"train": "prepare", "distill": "train", "export": "distill", "predict": "export"}

TEACHER = """
[model]
layers = 2
heads = 2
width = 32
mlp_width = 64
head_widths = [16]
head_dropout = [0.1, 0.1]
patch_keep = 64

[training]
epochs = 4
batch_size = 8
learning_rate = 2e-3
ccc_share = 0.5
"""
STUDENT = """
views = 2

[model]
stem_widths = [8, 16, 32]
layers = 2
heads = 2
head_width = 16
width = 64
mlp_width = 128
output_width = 32

[training]
epochs = 4
batch_size = 8
learning_rate = 2e-3
ccc_share = 0.5
"""


def run_recipe() -> str:
    """The same two networks as one recipe."""
    teacher, student = (
        re.sub(r"^\[", f"[{name}.", text, flags=re.MULTILINE)
        for name, text in (("teacher", TEACHER), ("distill", STUDENT))
    )
    data = 'source = "generated"\nstudent_start = "random"\n\n[generated]\nsongs = 32\nseed = 3\n\n'
    data += "[data]\nfractions = [0.5, 0.25, 0.25]\n"
    formats = '\n[export]\nformats = ["onnx"]\nforms = ["spectrogram"]\nprecisions = ["fp32"]\n'
    return f"{data}{teacher}\n[distill]\n{student}{formats}"


def command(name: str, base: Path, out: Path) -> list[str]:
    """A command line; what it reads is in `base`, what it writes in `out`."""
    music, data = base / "music", base / "data"
    words: dict[str, list[object]] = {
        "prepare": ["data", "prepare", music, "--out", out / "data"],
        "train": ["teacher", "train", "--data", data, "--recipe", base / "teacher.toml", "--out", out / "teacher"],
        "distill": [
            *("distill", "--teacher", base / "teacher", "--data", data, "--recipe", base / "student.toml"),
            *("--start", "random", "--out", out / "student"),
        ],
        "export": [
            *("export", "--checkpoint", base / "student", "--format", "onnx", "--form", "spectrogram"),
            *("--precision", "fp32", "--out", out / "bundle"),
        ],
        "run": ["run", base / "run.toml", "--out", out / "run"],
        "predict": ["predict", base / "bundle", music, "--format", "onnx", "--out", out / "songs.csv"],
    }
    return [sys.executable, "-m", "sentio_mobile", *map(str, words[name])]


def prepare_inputs(base: Path) -> None:
    """Music and recipes."""
    for name, text in (("teacher", TEACHER), ("student", STUDENT), ("run", run_recipe())):
        write_text(base / f"{name}.toml", text)
    synth = ["data", "synth", "--out", str(base / "music"), "--songs", "32", "--seed", "3"]
    subprocess.run([sys.executable, "-m", "sentio_mobile", *synth], check=True, capture_output=True, env=environment())


def environment() -> dict[str, str]:
    """One thread: the weights depend on the number of threads."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}


def undisturbed(name: str, base: Path) -> float:
    """Run a command to its end, and return the seconds that it took. Commands that it needs are run before it."""
    before = _NEEDS.get(name)
    if before and not (base / _MAKES[before]).exists():
        undisturbed(before, base)
    shutil.rmtree(base / _MAKES[name], ignore_errors=True)
    start = time.monotonic()
    done = subprocess.run(command(name, base, base), capture_output=True, text=True, env=environment())
    if done.returncode and not (name == "run" and done.returncode == 1):
        raise SystemExit(f"{name} failed undisturbed:\n{done.stderr}")
    return time.monotonic() - start


def of(name: str, path: str) -> bool:
    """Whether a file of `base` is what a command writes."""
    first = path.split("/")[0]
    return first == _MAKES[name] or (name == "export" and first == "bundle-logs")
