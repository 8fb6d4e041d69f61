"""Stop commands at random moments, and check that the same command then ends with what an undisturbed run makes.

    python benchmarks/research/kill_table.py benchmarks/baselines/kill_table.json --points 20

Each command (prepare, train, distill, export, run, predict; tiny networks, generated music, ONNX) is run once
undisturbed. Then it is stopped by SIGKILL, SIGINT and SIGTERM, each at --points moments drawn uniformly over the time
that it took, and given again. Recorded of each point: the status and the seconds until the process was gone, what it
said, whether processes of it were left, the status of the same command, and whether every file is the same and no other
one is there. A moment at which everything was written already is drawn again, earlier. Files that hold times or places
(NOT_COMPARED below) must be there, and their content is not compared. Beside OUT.json, OUT.md has the table. Commands
that are not among --commands keep their rows.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from sentio_mobile._internal.files import sha256, write_json, write_text
from sentio_mobile._internal.records import to_plain
from sentio_mobile._internal.workers import usable_cores
from sentio_mobile.benchmarks.machine import describe_machine

NOT_COMPARED = (
    *(
        "run.json",
        "times.json",
        "benchmark.json",
        "report.html",
        "report.md",
        "verification.json",
        ".log",
        ".png",
        ".svg",
    ),
    *("summary.json", "junit.xml", "journal.jsonl"),
)
"""Ends of the names of files that hold times, or are drawn from them; and of the store's journal, which is no result:
it knows by their places which files were read, and gets a line when one is read again."""

END_S = 2.0
"""Seconds in which a stopped process must be gone; where several busy tasks share a core, so many times more."""

TRIES = 6
"""Moments that are tried for a point: where other work slows the machine less, the first ones may come too late."""

SIGNALS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
BEFORE = {signal.SIGKILL: -9, signal.SIGINT: -2, signal.SIGTERM: -15}
"""Statuses of a process that the signal ended itself, as it does before the command line is loaded."""
AFTER = {signal.SIGKILL: -9, signal.SIGINT: 130, signal.SIGTERM: 143}

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Stop, repeat, compare, and write OUT.json and OUT.md; returns 1 if a point has a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--points", type=int, default=20, help="Moments for each command and signal.")
    parser.add_argument("--commands", default="prepare,train,distill,export,run,predict")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="Folder for temporary files.")
    options = parser.parse_args(arguments)
    # A shell tells what it runs in the background to ignore interrupts, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    draw, record = random.Random(options.seed), {}
    if options.out.exists():
        record = json.loads(options.out.read_text())["commands"]
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        base = Path(folder) / "base"
        base.mkdir()
        prepare_inputs(base)
        for name in options.commands.split(","):
            seconds = undisturbed(name, base)
            print(f"{name}: {seconds:.1f} s", file=sys.stderr)
            points = []
            for number in SIGNALS:
                for _ in range(options.points):
                    moment = draw.uniform(0, 0.97) * seconds
                    for _ in range(TRIES):
                        point = stop_at(name, base, Path(folder) / "stopped", number=number, moment=moment)
                        if point is not None:
                            points.append(point)
                            break
                        moment *= 0.7
            record[name] = {"seconds": round(seconds, 2), "seed": options.seed, "points": points}
            facts = {"machine": to_plain(describe_machine()), "not_compared": list(NOT_COMPARED)}
            write_json(options.out, {**facts, "commands": record})
            write_text(options.out.with_suffix(".md"), table(record))
    print(table(record))
    found = [point for name in options.commands.split(",") for point in record[name]["points"]]
    print(f"{len(found)} points; {cpu_seconds():.0f} s of processor time", file=sys.stderr)
    return any(point["faults"] for point in found)


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


def cpu_seconds() -> float:
    """What this process and those that it waited for have taken."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def environment() -> dict[str, str]:
    """One thread: the weights depend on the number of threads."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}


def undisturbed(name: str, base: Path) -> float:
    """Run a command to its end, and return the seconds that it took. Commands that it needs are run before it."""
    needs = {"train": "prepare", "distill": "train", "export": "distill", "predict": "export"}
    made = {"prepare": "data", "train": "teacher", "distill": "student", "export": "bundle"}
    before = needs.get(name)
    if before and not (base / made[before]).exists():
        undisturbed(before, base)
    for path in (base / made.get(name, "-"), base / "run", base / "songs.csv"):
        if path.is_dir():
            shutil.rmtree(path)
    start = time.monotonic()
    done = subprocess.run(command(name, base, base), capture_output=True, text=True, env=environment())
    if done.returncode and not (name == "run" and done.returncode == 1):
        raise SystemExit(f"{name} failed undisturbed:\n{done.stderr}")
    return time.monotonic() - start


def stop_at(name: str, base: Path, out: Path, *, number: signal.Signals, moment: float) -> dict[str, Any] | None:
    """Stop a command that writes to `out`, give it again, and compare; None if it had written everything before."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    line, faults = command(name, base, out), []
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment()) as process:
        assert process.stderr is not None
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            children = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(number)
        else:
            children = []
        start, load = time.monotonic(), os.getloadavg()[0] / usable_cores()
        said = process.stderr.read().decode().strip().splitlines()
        status, seconds = process.wait(), time.monotonic() - start
    _, left = psutil.wait_procs(children, timeout=5)
    if left:
        faults.append(f"{len(left)} processes left")
    if status == 0:
        return None
    if status not in (AFTER[number], BEFORE[number]):
        faults.append(f"status {status}")
    if status == AFTER[number] != -signal.SIGKILL and "stopped" not in (said or [""])[-1]:
        faults.append("no line")
    if seconds > END_S * max(1.0, load):
        faults.append(f"{seconds:.1f} s")
    again = subprocess.run(line, capture_output=True, text=True, env=environment())
    is_late = "exists already" in again.stderr  # it was stopped when everything was written
    # 1: a gate of `run` that networks this small do not pass.
    if again.returncode not in ((0, 1) if name == "run" else (0,)) and not is_late:
        faults.append(f"the same command: status {again.returncode}, {again.stderr.strip().splitlines()[-1]}")
    faults += differences(hashes(out), {path: digest for path, digest in hashes(base).items() if of(name, path)})
    if is_late and not faults:
        return None
    point = {"signal": number.name, "at_s": round(moment, 2), "status": status, "ended_s": round(seconds, 2)}
    point["load"] = round(load, 1)
    print(f"{name} {point} {'; '.join(faults) or 'same'}", file=sys.stderr)
    return {**point, "said": said[-1] if said else "", "again": again.returncode, "faults": faults}


def of(name: str, path: str) -> bool:
    """Whether a file of `base` is what a command writes."""
    made = {"prepare": "data", "train": "teacher", "distill": "student", "export": "bundle", "predict": "songs.csv"}
    first = path.split("/")[0]
    return first == made.get(name, name) or (name == "export" and first == "bundle-logs")


def hashes(folder: Path) -> dict[str, str]:
    """The hash of every file by its path; of files that are not compared, a dash."""
    files = sorted(path for path in folder.rglob("*") if not path.is_dir() or not any(path.iterdir()))
    return {
        path.relative_to(folder).as_posix(): "-" if path.is_dir() or path.name.endswith(NOT_COMPARED) else sha256(path)
        for path in files
    }


def differences(found: dict[str, str], expected: dict[str, str]) -> list[str]:
    """What differs, in a few words."""
    left, missing = sorted(found.keys() - expected.keys()), sorted(expected.keys() - found.keys())
    changed = sorted(path for path in found.keys() & expected.keys() if found[path] != expected[path])
    words = (("left over", left), ("missing", missing), ("other content", changed))
    return [f"{what}: {', '.join(paths[:5])}" for what, paths in words if paths]


def table(record: dict[str, Any]) -> str:
    """The record as Markdown: a row for each command and signal."""
    rows = ["| command | signal | points | statuses | longest end | same result, nothing left | faults |"]
    rows.append("|---|---|---|---|---|---|---|")
    for name, found in record.items():
        for number in SIGNALS:
            points = [point for point in found["points"] if point["signal"] == number.name]
            statuses = ", ".join(str(status) for status in sorted({point["status"] for point in points}))
            good = sum(not point["faults"] for point in points)
            faults = "; ".join(dict.fromkeys(fault for point in points for fault in point["faults"])) or "none"
            longest = max((point["ended_s"] for point in points), default=0)
            rows.append(
                f"| {name} | {number.name} | {len(points)} | {statuses} | {longest:.1f} s | {good} of {len(points)} | "
                f"{faults} |"
            )
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(main())
