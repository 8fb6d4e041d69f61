"""Is one way to train better than another, in the mean over seeds? From the answers that `evaluate` has written down.

    sentio-mobile evaluate "a 0=ckpt-a-0" "a 1=ckpt-a-1" "b 0=ckpt-b-0" "b 1=ckpt-b-1" --data PREPARED --out evaluated
    python benchmarks/research/arms.py evaluated/evaluation.json OUT.json

Models whose names differ by the last word alone are runs of one arm. Intervals are over songs, for these runs: what
other seeds would bring is not in them.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np

from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.records import to_plain
from sentio_mobile.evaluation.results import read_evaluation
from sentio_mobile.metrics.agreement import mean_of_runs, paired_difference_of_runs


def main() -> None:
    """Read evaluation.json, print the arms, and write OUT.json."""
    source, out = map(Path, sys.argv[1:])
    evaluation = read_evaluation(source)
    truth = np.array(evaluation.truth, dtype=np.float32)
    runs: dict[str, list[Any]] = {}
    for model in evaluation.models:
        runs.setdefault(model.name.rpartition(" ")[0] or model.name, []).append(model.predicted)
    # An arm of one run is a model, and evaluate has compared those.
    arms = {name: np.array(answers, dtype=np.float32) for name, answers in runs.items() if len(answers) > 1}
    record: dict[str, Any] = {"n": len(truth), "arms": {}, "pairs": []}
    for name, answers in arms.items():
        found = mean_of_runs(truth, answers, 0)
        record["arms"][name] = {"runs": len(answers), "ccc": {d: to_plain(i) for d, i in found.items()}}
        print(name, len(answers), {d: str(i) for d, i in found.items()})
    for first, second in itertools.combinations(arms, 2):
        if len(arms[first]) != len(arms[second]):
            continue
        gain = paired_difference_of_runs(truth, arms[first], arms[second], 0)
        record["pairs"].append(
            {"first": first, "second": second, "difference": {d: to_plain(i) for d, i in gain.items()}}
        )
        print(f"{second} less {first}", {d: str(i) for d, i in gain.items()})
    write_json(out, record)


if __name__ == "__main__":
    main()
