"""Train the same small teacher with several numbers of threads, and measure how far the results lie apart.

    python benchmarks/research/thread_spread.py benchmarks/baselines/thread_spread.json --threads 1,1,2,4

The same seed, machine and number of threads must give the same weights, so that a number given twice is a check. With
another number of threads sums are added in another order; training makes more of the difference step by step. Recorded
for each number: the hash of the weights, the largest difference of a prediction from the first run's, and of the mean
CCC, on validation and test songs. Generated music, 32 songs, 8 epochs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from kill_commands import command, environment, prepare_inputs, undisturbed

from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.records import to_plain
from sentio_mobile.benchmarks.machine import describe_machine


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, compare, and write OUT.json; returns 1 if a number of threads that was given twice gave two results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=lambda text: [int(n) for n in text.split(",")], default=[1, 1, 2, 4])
    parser.add_argument("--work", type=Path, help="Folder for temporary files.")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        base = Path(folder)
        prepare_inputs(base)
        undisturbed("data prepare", base)
        sheets = [train(base, base / f"run-{at}", threads) for at, threads in enumerate(options.threads)]
    runs = [{"threads": n, **compare(sheet, sheets[0])} for n, sheet in zip(options.threads, sheets, strict=True)]
    write_json(options.out, {"machine": to_plain(describe_machine()), "runs": runs})
    print(json.dumps(runs, indent=2))
    return any(len({run["weights"] for run in runs if run["threads"] == n}) > 1 for n in options.threads)


def train(base: Path, out: Path, threads: int) -> dict[str, Any]:
    """Train the teacher, and return its sheet."""
    out.mkdir()
    variables = {**environment("teacher train", out), "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    subprocess.run(command("teacher train", base, out), check=True, capture_output=True, env=variables)
    sheet: dict[str, Any] = json.loads((out / "teacher" / "checkpoint.json").read_text())
    return sheet


def compare(sheet: dict[str, Any], first: dict[str, Any]) -> dict[str, Any]:
    """How far the predictions and the mean CCC of a run lie from those of the first one."""
    found: dict[str, Any] = {"weights": sheet["weights_sha256"]}
    for split in ("val", "test"):
        mine, theirs = sheet["evaluation"][split], first["evaluation"][split]
        apart = np.abs(np.array(mine["predicted"]) - np.array(theirs["predicted"])).max()
        ccc, other = (one["metrics"]["mean"]["ccc"]["value"] for one in (mine, theirs))
        found[split] = {"n": mine["n"], "prediction": round(float(apart), 6), "ccc": round(abs(ccc - other), 6)}
    return found


if __name__ == "__main__":
    sys.exit(main())
