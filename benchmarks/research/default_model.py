"""Write the bundle that comes with the package, models/default, from a student that learned from unlabelled music.

    python benchmarks/research/default_model.py STUDENT models/default --data PREPARED --music "5 h of ..., CC-BY-SA"
        --auc AUC.json [--formats onnx tflite] [--licence Apache-2.0] [--release 1] [--overwrite]

STUDENT is exported in int8 by the same steps and gates as every model; activation ranges are measured on the training
songs of PREPARED, and the loss of CCC on its validation songs. AUC.json is what `weak_label_auc.py` wrote; --auc may be
given more than once. The bundle is then trimmed as for an app, and refused if it is over 10 MB: leave a format out.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sentio_mobile._internal.files import new_folder
from sentio_mobile._internal.records import read_record
from sentio_mobile.bundle.about import About, WeakLabelAuc
from sentio_mobile.bundle.bundle import open_bundle
from sentio_mobile.bundle.verify import verify
from sentio_mobile.data.prepared import open_data
from sentio_mobile.errors import CheckFailedError, OutputError
from sentio_mobile.export.build import build_bundle
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.packaging.trim_bundle import trim_bundle

MAX_BYTES = 10_000_000
"""Largest default model: it is in every wheel."""

TEACHER = (
    "the tags of musicnn (Pons & Serra 2019, trained on tags of the Million Song Dataset), placed on the plane of "
    "valence and arousal by a table after Russell's circumplex of affect (1980); the table was written by meaning, "
    "not fitted to labels"
)
LIMITS = (
    "Its predictions are not ratings: they say where the words lie that listeners of a tagging site would write.",
    "The words are those of Western popular music around 2010; other music was not considered.",
    "Valence is weaker than arousal, above all within calm music: see the areas above.",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Export, trim, verify, and put the bundle in its place."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("student", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--music", required=True, help="what music the student learned from, and its licences")
    parser.add_argument("--teacher", default=TEACHER)
    parser.add_argument("--auc", type=Path, action="append", required=True)
    parser.add_argument("--formats", nargs="+", default=["onnx"])
    parser.add_argument("--licence", default="Apache-2.0")
    parser.add_argument("--release", default="1")
    parser.add_argument("--overwrite", action="store_true")
    options = parser.parse_args(arguments)
    about = About(
        music=options.music,
        teacher=options.teacher,
        auc=tuple(read_record(WeakLabelAuc, path) for path in options.auc),
        limits=LIMITS,
    )
    recipe = ExportRecipe(
        formats=tuple(options.formats),
        forms=("spectrogram",),
        precisions=("int8",),
        name="default",
        release=options.release,
        licence=options.licence,
    )
    size = make(options.student, options.out, recipe, data=options.data, about=about, overwrite=options.overwrite)
    print(f"{options.out}: {size / 1e6:.1f} MB")


def make(student: Path, out: Path, recipe: ExportRecipe, *, data: Path, about: About, overwrite: bool) -> int:
    """Write the bundle, and return its size in bytes."""
    with tempfile.TemporaryDirectory() as work, new_folder(out, overwrite) as part:
        whole = Path(work) / "bundle"
        built = build_bundle(student, recipe, out=whole, data=open_data(data), about=about)
        if lost := {**built.failed, **built.refused}:
            raise CheckFailedError("; ".join(lost.values()))
        bundle = open_bundle(whole)
        trim_bundle(bundle, bundle.artifacts, part)
        verified = verify(open_bundle(part))
        if not verified.spread_ok:
            raise CheckFailedError(
                f"{student}: its outputs on golden vectors vary by {min(verified.spread):.3f}, under "
                f"{verified.min_spread:g}; train it for longer"
            )
        if not verified.passed:
            raise CheckFailedError("; ".join(f"{one.label}: {one.reason}" for one in verified.results if one.reason))
        size = sum(path.stat().st_size for path in part.rglob("*") if path.is_file())
        if size > MAX_BYTES:
            raise OutputError(f"the bundle has {size / 1e6:.1f} MB, over {MAX_BYTES / 1e6:g}; leave a format out")
    return size


if __name__ == "__main__":
    main()
