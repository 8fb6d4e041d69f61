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

COMMANDS = (
    *("data prepare", "teacher train", "teacher embed", "pretrain", "distill"),
    *("export", "run", "train", "predict"),
)
_MAKES = {
    **{"data prepare": ("data",), "teacher train": ("teacher",), "teacher embed": ("embeddings.safetensors", "cache")},
    **{"pretrain": ("first",), "distill": ("student",), "export": ("bundle", "bundle-logs")},
    **{"run": ("run",), "train": ("train", "cache-of-train"), "predict": ("songs.csv",)},
}
"""What each command writes, the caches that it fills included."""

_NEEDS = {
    **{"teacher train": "data prepare", "teacher embed": "teacher train", "pretrain": "teacher embed"},
    **{"distill": "teacher train", "export": "distill", "train": "teacher train", "predict": "export"},
}

TEMPORARY = "tmp"
"""What stands for the system's temporary folder."""

ENDED = {name: (0, 1) if name in ("run", "train") else (0,) for name in COMMANDS}
"""Statuses of a command that came to its end; 1 is a gate that networks this small do not pass."""

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
NETWORK = """
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

STUDENT = f"views = 2\n{NETWORK}"
PRETRAIN = f"steps = 12\nheld_out = 0.25\n{NETWORK}"
TRAIN = """
teacher = "probe"
source = "music"
encoder = "musicnn-msd"
steps = 12
fold_steps = 8
folds = 2
student_start = "random"

[data]
windows = 1
perturb = 1

[probe]
regressors = ["ridge"]
inputs = ["embedding"]
folds = 3
inner_folds = 2
shuffles = 20

[export]
formats = ["onnx"]
forms = ["spectrogram"]
precisions = ["fp32", "int8"]

[distill]
views = 0

[distill.features]
weight = 0.0

[distill.attention]
weight = 0.0
"""


def train_recipe() -> str:
    """A probe and the student as one recipe; the encoder is named by the command."""
    return TRAIN + _nested("distill", NETWORK.replace("epochs = 4", "steps = 12"))


def run_recipe() -> str:
    """The same two networks as one recipe."""
    teacher, student = _nested("teacher", TEACHER), _nested("distill", STUDENT)
    data = 'source = "generated"\nstudent_start = "random"\n\n[generated]\nsongs = 32\nseed = 3\n\n'
    data += "[data]\nfractions = [0.5, 0.25, 0.25]\n"
    formats = '\n[export]\nformats = ["onnx"]\nforms = ["spectrogram"]\nprecisions = ["fp32"]\n'
    return f"{data}{teacher}\n[distill]\n{student}{formats}"


def _nested(name: str, recipe: str) -> str:
    """A stage's recipe as part of a larger one."""
    return re.sub(r"^\[", f"[{name}.", recipe, flags=re.MULTILINE)


def command(name: str, base: Path, out: Path) -> list[str]:
    """A command line; what it reads is in `base`, what it writes in `out`."""
    music, data = base / "music", base / "data"
    words: dict[str, list[object]] = {
        "data prepare": ["data", "prepare", music, "--out", out / "data"],
        "teacher train": [
            *("teacher", "train", "--data", data, "--recipe", base / "teacher.toml", "--out", out / "teacher"),
        ],
        "teacher embed": [
            *("teacher", "embed", "--data", data, "--music", music, "--encoder", f"ckpt:{base / 'teacher'}"),
            *("--workers", 2, "--out", out / "embeddings.safetensors"),
        ],
        "pretrain": [
            *("pretrain", "--data", data, "--embeddings", base / "embeddings.safetensors"),
            *("--recipe", base / "pretrain.toml", "--out", out / "first"),
        ],
        "distill": [
            *("distill", "--teacher", base / "teacher", "--data", data, "--recipe", base / "student.toml"),
            *("--start", "random", "--out", out / "student"),
        ],
        "export": [
            *("export", "--checkpoint", base / "student", "--format", "onnx", "--form", "spectrogram"),
            *("--precision", "fp32", "--out", out / "bundle"),
        ],
        "run": ["run", base / "run.toml", "--out", out / "run"],
        "train": [
            *("train", music, "--encoder", f"ckpt:{base / 'teacher'}", "--recipe", base / "train.toml"),
            *("--anyway", "--out", out / "train"),
        ],
        "predict": ["predict", base / "bundle", music, "--format", "onnx", "--out", out / "songs.csv"],
    }
    return [sys.executable, "-m", "sentio_mobile", *map(str, words[name])]


def prepare_inputs(base: Path) -> None:
    """Music and recipes."""
    recipes = {
        "teacher": TEACHER,
        "student": STUDENT,
        "run": run_recipe(),
        "pretrain": PRETRAIN,
        "train": train_recipe(),
    }
    for name, text in recipes.items():
        write_text(base / f"{name}.toml", text)
    synth = [sys.executable, "-m", "sentio_mobile", "data", "synth", "--songs", "32", "--seed", "3"]
    synth += ["--out", str(base / "music")]
    subprocess.run(synth, check=True, capture_output=True, env=environment("data synth", base))


def environment(name: str, out: Path) -> dict[str, str]:
    """One thread, because the weights depend on the number of threads; folders of its own for what is temporary."""
    cache, temporary = out / ("cache-of-train" if name == "train" else "cache"), out / TEMPORARY
    temporary.mkdir(exist_ok=True)
    folders = {"XDG_CACHE_HOME": str(cache), "TMPDIR": str(temporary)}
    return {**os.environ, **folders, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}


def undisturbed(name: str, base: Path) -> float:
    """Run a command to its end, and return the seconds that it took. Commands that it needs are run before it."""
    before = _NEEDS.get(name)
    if before and not (base / _MAKES[before][0]).exists():
        undisturbed(before, base)
    for path in _MAKES[name]:
        shutil.rmtree(base / path, ignore_errors=True)
        (base / path).unlink(missing_ok=True)
    start = time.monotonic()
    done = subprocess.run(command(name, base, base), capture_output=True, text=True, env=environment(name, base))
    if done.returncode not in ENDED[name]:
        raise SystemExit(f"{name} failed undisturbed:\n{done.stderr}")
    return time.monotonic() - start


def of(name: str, path: str) -> bool:
    """Whether a file of `base` is what a command writes."""
    return path.split("/")[0] in _MAKES[name]
