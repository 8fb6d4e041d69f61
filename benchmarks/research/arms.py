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
from typing import Annotated

import numpy as np
from msgspec import Meta

from sentio_mobile._internal.records import Count, Name, Record, write_record
from sentio_mobile.evaluation.results import read_evaluation
from sentio_mobile.metrics.agreement import mean_of_runs, paired_difference_of_runs
from sentio_mobile.metrics.bootstrap import Intervals
from sentio_mobile.metrics.evaluation import Pairs


class ArmFigures(Record, frozen=True, kw_only=True):
    """One way to train."""

    runs: Count  # trained models
    ccc: Intervals  # CCC, in the mean over the runs


class Pair(Record, frozen=True, kw_only=True):
    """Two ways, compared."""

    first: Name  # one way
    second: Name  # the other
    difference: Intervals  # CCC of the second less that of the first, paired by song


class Arms(Record, frozen=True, kw_only=True):
    """OUT.json."""

    n: Count  # songs
    arms: Annotated[dict[Name, ArmFigures], Meta(max_length=1000)]  # the ways by name
    pairs: Annotated[tuple[Pair, ...], Meta(max_length=500_000)]  # each with each


def main(arguments: Sequence[str] | None = None) -> None:
    """Read evaluation.json, print the arms, and write OUT.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, metavar="evaluation.json")
    parser.add_argument("out", type=Path, metavar="OUT.json")
    options = parser.parse_args(arguments)
    evaluation = read_evaluation(options.source)
    truth = np.array(evaluation.truth, dtype=np.float32)
    runs: dict[str, list[Pairs]] = {}
    for model in evaluation.models:
        runs.setdefault(model.name.rpartition(" ")[0] or model.name, []).append(model.predicted)
    # An arm with one run is a single model, and `evaluate` has compared those.
    arms = {name: np.array(predictions, dtype=np.float32) for name, predictions in runs.items() if len(predictions) > 1}
    figures: dict[str, ArmFigures] = {}
    pairs: list[Pair] = []
    for name, predictions in arms.items():
        means = mean_of_runs(truth, predictions, 0)
        figures[name] = ArmFigures(runs=len(predictions), ccc=means)
        print(name, len(predictions), {d: str(i) for d, i in means.items()})
    for first, second in itertools.combinations(arms, 2):
        if len(arms[first]) != len(arms[second]):
            continue
        gain = paired_difference_of_runs(truth, arms[first], arms[second], 0)
        pairs.append(Pair(first=first, second=second, difference=gain))
        print(f"{second} less {first}", {d: str(i) for d, i in gain.items()})
    write_record(options.out, Arms(n=len(truth), arms=figures, pairs=tuple(pairs)))


if __name__ == "__main__":
    main()
