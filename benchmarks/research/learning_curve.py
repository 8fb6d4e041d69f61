"""Draw accuracy by the number of labelled songs, from records of `pretrained_students.py`.

    python benchmarks/research/learning_curve.py OUT.png RECORD.json... [--figure "ccc"]

Each record is one number of labels (`--labels`); one without a number had all songs of four folds of five. Drawn are
the probe and the student that follows it, with 95% intervals over groups of songs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from matplotlib.axes import Axes
from pretrained_students_figures import PROBE, STUDENT, CrossValidation, Figure

from sentio_mobile._internal.charts import LIGHT, write_chart
from sentio_mobile._internal.records import read_record

FOLDS = 5
"""Folds of the records."""


def labels_of(record: CrossValidation) -> int:
    """Labelled songs that each model of a record learned from."""
    return record.labels or record.songs * (FOLDS - 1) // FOLDS


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the records, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT.png")
    parser.add_argument("records", type=Path, nargs="+", metavar="RECORD.json")
    parser.add_argument("--figure", choices=get_args(Figure), default="ccc")
    options = parser.parse_args(arguments)
    records = sorted((read_record(CrossValidation, path) for path in options.records), key=labels_of)
    labels = [labels_of(record) for record in records]

    def plot(axes: Axes) -> None:
        for model, colour in ((PROBE, LIGHT.second), (STUDENT, LIGHT.first)):
            found = [record.models[model].figures[options.figure] for record in records]
            values = [one.value or 0.0 for one in found]
            axes.fill_between(
                labels, [one.low or 0.0 for one in found], [one.high or 0.0 for one in found],
                color=colour, alpha=0.15, linewidth=0,
            )  # fmt: skip
            axes.plot(labels, values, color=colour, marker="o", label=model)
            print(model, ", ".join(f"{n}: {one}" for n, one in zip(labels, found, strict=True)))
        axes.set_xscale("log", base=2)
        axes.set_xticks(labels, [str(number) for number in labels])
        axes.set_xlabel("labelled songs")
        axes.set_ylabel(f"{'mean CCC' if options.figure == 'ccc' else options.figure}, 95% interval")
        axes.legend(frameon=False)

    write_chart(options.out, (6.0, 3.8), plot)


if __name__ == "__main__":
    main()
