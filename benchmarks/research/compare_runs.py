"""Compare two finished runs of one recipe, made by two versions of this project.

    python benchmarks/research/compare_runs.py BEFORE AFTER OUT.json

For teacher and student it states the largest difference of the weights, for the golden vectors whether they are equal,
and for every artifact whether its bytes are equal and how far its outputs on the golden vectors are apart. Bundles of
older versions are read, too: only their file names are used. A change that should leave behaviour as it is gives 0
everywhere.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from sentio_mobile._internal.files import sha256, write_json
from sentio_mobile.bundle.bundle import Bundle, open_bundle
from sentio_mobile.errors import DataError
from sentio_mobile.formats.registry import get_format


def weight_difference(before: Path, after: Path) -> float:
    """Largest difference of two files of weights.

    Raises:
        DataError: They do not have the same tensors.
    """
    first, second = load_file(before), load_file(after)
    if {name: value.shape for name, value in first.items()} != {name: value.shape for name, value in second.items()}:
        raise DataError(f"{before} and {after} do not have the same tensors; compare runs of the same recipe")
    return max(float(np.abs(first[name].astype(np.float64) - second[name]).max(initial=0)) for name in first)


def compare_artifacts(before: Path, bundle: Bundle) -> list[dict[str, object]]:
    """One row an artifact: whether it has the same bytes as before, and the largest difference of its outputs."""
    golden = bundle.golden()
    rows: list[dict[str, object]] = []
    for artifact in bundle.artifacts:
        old = before / artifact.path.relative_to(bundle.folder)
        if not old.exists():
            rows.append({"artifact": artifact.label, "before": "missing"})
            continue
        format_, spec = get_format(artifact.format), bundle.spec.in_form(artifact.form)
        first, second = (format_.open(path, spec) for path in (old, artifact.path))
        difference = max(float(np.abs(first(x) - second(x)).max()) for x in golden.inputs(spec))
        same = artifact.path.is_file() and sha256(old) == sha256(artifact.path)
        rows.append({"artifact": artifact.label, "same_bytes": same, "max_output_difference": difference})
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare the runs and write the record."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args(arguments)
    weights = {
        name: weight_difference(*(run / name / "model.safetensors" for run in (options.before, options.after)))
        for name in ("teacher", "student")
    }
    golden = [run / "bundle" / "golden.safetensors" for run in (options.before, options.after)]
    rows = compare_artifacts(options.before / "bundle", open_bundle(options.after / "bundle"))
    record = {
        "command": "python benchmarks/research/compare_runs.py BEFORE AFTER OUT.json",
        "max_weight_difference": weights,
        "golden_vectors_are_equal": sha256(golden[0]) == sha256(golden[1]),
        "artifacts": rows,
    }
    write_json(options.out, record)
    for row in rows:
        print(row)
    print(weights, record["golden_vectors_are_equal"])


if __name__ == "__main__":
    main()
