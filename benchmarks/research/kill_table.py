"""Stop commands at random moments, and check that the same command then ends with what an undisturbed run makes.

    python benchmarks/research/kill_table.py benchmarks/baselines/kill_table.json --points 20

Each command of kill_commands.py (tiny networks, generated music, ONNX) is run once undisturbed. Then it is stopped by
SIGKILL, SIGINT and SIGTERM, each at --points moments drawn uniformly over the time that it took, and given again. Every
second signal goes to the whole process group, as Ctrl-C in a terminal does, the others to the command alone, as `kill`
does. Recorded of each point: the status and the seconds until the process was gone, what it said, the seconds until the
processes that it started were gone, the status of the same command, and whether every file is the same and no other one
is there, nor in the system's temporary folder. A traceback is a fault. A moment at which everything was written already
is drawn again, earlier. Files that hold times or places (NOT_COMPARED below) must be there, and their content is not
compared.

OUT.json is written after every point, and OUT.md beside it has the table. What is recorded there is not measured again,
so that the script goes on where it was stopped, and several of them may work on one record; points with faults are
tried again at the same moments. A record of another --seed is begun anew.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock
from kill_commands import COMMANDS, ENDED, TEMPORARY, command, environment, of, prepare_inputs, undisturbed

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

LEFT_S = 5.0
"""Seconds in which processes that it started must be gone, in the same way."""

PYTHON_LOADS_S = 0.3
"""Seconds in which Python loads itself, where it has a core for itself: it hears an interrupt, and none of our code can
answer yet. `sentio_mobile/__main__.py` does from then on."""

TRIES = 6
"""Moments that are tried for a point: where other work slows the machine less, the first ones may come too late."""

Key = tuple[str, str, int]

SIGNALS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
BEFORE = {signal.SIGKILL: (-9,), signal.SIGINT: (-2, 1), signal.SIGTERM: (-15,)}
"""Statuses of a process that a signal ends while Python loads itself."""
AFTER = {signal.SIGKILL: -9, signal.SIGINT: 130, signal.SIGTERM: 143}


@dataclass(frozen=True, kw_only=True)
class Stop:
    """A signal, when it is sent, and whether the whole process group gets it."""

    number: signal.Signals
    is_for_group: bool
    moment: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Stop, repeat, compare, and write OUT.json and OUT.md; returns 1 if a point has a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--points", type=int, default=20, help="Moments for each command and signal.")
    parser.add_argument("--commands", default=",".join(COMMANDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="Folder for temporary files.")
    options = parser.parse_args(arguments)
    # A shell tells what it runs in the background to ignore interrupts, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    names = options.commands.split(",")
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        base = Path(folder) / "base"
        base.mkdir()
        prepare_inputs(base)
        seconds: dict[str, float] = {}
        # By turns, so that a record that is not finished has as many points of one command as of another.
        for index, name, number in itertools.product(range(options.points), names, SIGNALS):
            key = (name, number.name, index)
            if key in (found := read(options.out, seed=options.seed)) and not found[key]["faults"]:
                continue
            if name not in seconds:
                seconds[name] = undisturbed(name, base)
                print(f"{name}: {seconds[name]:.1f} s", file=sys.stderr)
            moment = random.Random(f"{options.seed} {key}").uniform(0, 0.97) * seconds[name]
            for _ in range(TRIES):
                stop = Stop(number=number, is_for_group=index % 2 == 1, moment=moment)
                point = stop_at(name, base, Path(folder) / "stopped", stop=stop)
                if point is not None:
                    whole = {"command": name, "index": index, "undisturbed_s": round(seconds[name], 2), **point}
                    add(options.out, key, whole, seed=options.seed)
                    break
                moment *= 0.7
    record = read(options.out, seed=options.seed)
    print(table(record))
    points = [point for point in record.values() if point["command"] in names]
    print(f"{len(points)} points; {cpu_seconds():.0f} s of processor time", file=sys.stderr)
    return any(point["faults"] for point in points)


def read(out: Path, *, seed: int) -> dict[Key, dict[str, Any]]:
    """The points that a record has, by command, signal and number; none if it is of another seed."""
    record = json.loads(out.read_text()) if out.exists() else {}
    points = record["points"] if record.get("seed") == seed else []
    return {(point["command"], point["signal"], point["index"]): point for point in points}


def add(out: Path, key: Key, point: dict[str, Any], *, seed: int) -> None:
    """Put a point into the record, beside what another process has put there meanwhile."""
    with FileLock(f"{out}.lock"):
        points = {**read(out, seed=seed), key: point}
        ordered = [points[key] for key in sorted(points)]
        facts = {"machine": to_plain(describe_machine()), "not_compared": list(NOT_COMPARED), "seed": seed}
        write_json(out, {**facts, "points": ordered})
        write_text(out.with_suffix(".md"), table(points))


def cpu_seconds() -> float:
    """What this process and those that it waited for have taken."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def stop_at(name: str, base: Path, out: Path, *, stop: Stop) -> dict[str, Any] | None:
    """Stop a command that writes to `out`, give it again, and compare; None if it had written everything before."""
    shutil.rmtree(out, ignore_errors=True)
    (out / TEMPORARY).mkdir(parents=True)
    line, faults, number = command(name, base, out), [], stop.number
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(
        line, stdout=nothing, stderr=pipe, env=environment(name, out), start_new_session=True
    ) as process:
        assert process.stderr is not None
        try:
            process.wait(stop.moment)
        except subprocess.TimeoutExpired:
            children = psutil.Process(process.pid).children(recursive=True)
            os.killpg(process.pid, number) if stop.is_for_group else process.send_signal(number)
        else:
            children = []
        start, load = time.monotonic(), os.getloadavg()[0] / usable_cores()
        said = process.stderr.read().decode().strip().splitlines()
        status, seconds = process.wait(), time.monotonic() - start
    _, left = psutil.wait_procs(children, timeout=LEFT_S * max(1.0, load))
    children_s = time.monotonic() - start
    if left:
        faults.append(f"{len(left)} processes left")
    if status in ENDED[name]:
        return None
    was_loading = stop.moment < PYTHON_LOADS_S * max(1.0, load)
    if status != AFTER[number] and not (was_loading and status in BEFORE[number]):
        faults.append(f"status {status}")
    if status == AFTER[number] != -signal.SIGKILL and "stopped" not in (said or [""])[-1]:
        faults.append("no line")
    if status == AFTER[number] != -signal.SIGKILL and any("Traceback" in line for line in said):
        faults.append("traceback")
    if seconds > END_S * max(1.0, load):
        faults.append(f"{seconds:.1f} s")
    again = subprocess.run(line, capture_output=True, text=True, env=environment(name, out))
    is_late = "exists already" in again.stderr  # it was stopped when everything was written
    if again.returncode not in ENDED[name] and not is_late:
        faults.append(f"the same command: status {again.returncode}, {again.stderr.strip().splitlines()[-1]}")
    faults += differences(hashes(out), {path: digest for path, digest in hashes(base).items() if of(name, path)})
    # PyTorch keeps a folder of its own there, also undisturbed.
    left_behind = {path.name for path in (out / TEMPORARY).iterdir()} - {
        path.name for path in (base / TEMPORARY).iterdir()
    }
    if left_behind:
        faults.append(f"temporary: {', '.join(sorted(left_behind)[:5])}")
    if is_late and not faults:
        return None
    point = {"signal": number.name, "to": "group" if stop.is_for_group else "process", "at_s": round(stop.moment, 2)}
    times = {"ended_s": seconds, "children_s": children_s, "load": load}
    point |= {"status": status, **{name: round(value, 2) for name, value in times.items()}}
    print(f"{name} {point} {'; '.join(faults) or 'same'}", file=sys.stderr)
    # A record says nothing of where on a machine it was made.
    last, faults = (
        (said or [""])[-1].replace(f"{base.parent}/", ""),
        [one.replace(f"{base.parent}/", "") for one in faults],
    )
    return {**point, "said": last, "again": again.returncode, "faults": faults}


def hashes(folder: Path) -> dict[str, str]:
    """The hash of every file by its path; of files that are not compared, a dash."""
    found = (path for path in folder.rglob("*") if path.relative_to(folder).parts[0] != TEMPORARY)
    files = sorted(path for path in found if not path.is_dir() or not any(path.iterdir()))
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


def table(record: dict[Key, dict[str, Any]]) -> str:
    """The record as Markdown: a row for each command and signal."""
    rows = ["| command | signal | points | statuses | longest end | same result, nothing left | faults |"]
    rows.append("|---|---|---|---|---|---|---|")
    for name, number in itertools.product(COMMANDS, SIGNALS):
        points = [point for key, point in record.items() if key[:2] == (name, number.name)]
        if not points:
            continue
        statuses = ", ".join(str(status) for status in sorted({point["status"] for point in points}))
        good = sum(not point["faults"] for point in points)
        faults = "; ".join(dict.fromkeys(fault for point in points for fault in point["faults"])) or "none"
        longest = max(point["ended_s"] for point in points)
        rows.append(
            f"| {name} | {number.name} | {len(points)} | {statuses} | {longest:.1f} s | {good} of {len(points)} | "
            f"{faults} |"
        )
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(main())
