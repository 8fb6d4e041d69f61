"""Compare ways of training, averaged over seeds, from the predictions that `evaluate` has written.

    sentio-mobile evaluate "a 0=ckpt-a-0" "a 1=ckpt-a-1" "b 0=ckpt-b-0" "b 1=ckpt-b-1" --data PREPARED --out evaluated
    python benchmarks/research/arms.py evaluated/evaluation.json OUT.json

Models whose names differ only in the last word are runs of one arm. Intervals are over songs, for these runs; they do
not include the variation over seeds.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.records import to_plain
from sentio_mobile.evaluation.results import read_evaluation
from sentio_mobile.metrics.agreement import mean_of_runs, paired_difference_of_runs


def main(arguments: Sequence[str] | None = None) -> None:
    """Read evaluation.json, print the arms, and write OUT.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, metavar="evaluation.json")
    parser.add_argument("out", type=Path, metavar="OUT.json")
    options = parser.parse_args(arguments)
    evaluation = read_evaluation(options.source)
    truth = np.array(evaluation.truth, dtype=np.float32)
    runs: dict[str, list[Any]] = {}
    for model in evaluation.models:
        runs.setdefault(model.name.rpartition(" ")[0] or model.name, []).append(model.predicted)
    # An arm with one run is a single model, and `evaluate` has compared those.
    arms = {name: np.array(predictions, dtype=np.float32) for name, predictions in runs.items() if len(predictions) > 1}
    record: dict[str, Any] = {"n": len(truth), "arms": {}, "pairs": []}
    for name, predictions in arms.items():
        means = mean_of_runs(truth, predictions, 0)
        record["arms"][name] = {"runs": len(predictions), "ccc": {d: to_plain(i) for d, i in means.items()}}
        print(name, len(predictions), {d: str(i) for d, i in means.items()})
    for first, second in itertools.combinations(arms, 2):
        if len(arms[first]) != len(arms[second]):
            continue
        gain = paired_difference_of_runs(truth, arms[first], arms[second], 0)
        record["pairs"].append(
            {"first": first, "second": second, "difference": {d: to_plain(i) for d, i in gain.items()}}
        )
        print(f"{second} less {first}", {d: str(i) for d, i in gain.items()})
    write_json(options.out, record)


if __name__ == "__main__":
    main()
