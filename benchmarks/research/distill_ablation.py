"""Measure what each term of the distillation loss contributes, and how much of the teacher's CCC the student retains.

    python benchmarks/research/distill_ablation.py OUT --teacher CKPT --data PREPARED [--recipe mobilevit]
        [--seeds 0,1,2] [--arms labels,response,features,attention,all] [--epochs 12] [--unlabelled PREPARED]

All arms have the same songs, steps, initial weights and augmented clips. They differ in the weights of the terms; the
arm `labels` does without distillation. Runs are kept in OUT.runs and not repeated; the teacher runs once for all arms
of a seed. Writes OUT/ablation.json, OUT/ablation.png (CCC by arm) and OUT/terms.png (each term of the arm `all`, by
epoch). Epochs are chosen by the validation songs; the test songs are read once, at the end.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from sentio_mobile._internal.charts import LIGHT, write_chart
from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import replace, to_plain
from sentio_mobile.benchmarks.charts import draw_terms
from sentio_mobile.benchmarks.machine import describe_machine
from sentio_mobile.cli.progress_bars import ProgressBars
from sentio_mobile.data.prepared import UNLABELLED, PreparedData, open_data
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.distill import distill
from sentio_mobile.metrics.agreement import ccc, mean_of_runs, paired_difference_of_runs, retention_of_runs
from sentio_mobile.metrics.evaluation import History, LearningCurves, SplitEvaluation, TeacherEvaluation
from sentio_mobile.models.checkpoint import Checkpoint, package_versions, weights_digest
from sentio_mobile.recipes import load_recipe
from sentio_mobile.training.sources import ExtraData

ARMS: dict[str, dict[str, dict[str, float]]] = {
    "labels": {"response": {"hard": 1.0, "soft": 0.0}, "features": {"weight": 0.0}, "attention": {"weight": 0.0}},
    "response": {"features": {"weight": 0.0}, "attention": {"weight": 0.0}},
    "features": {"attention": {"weight": 0.0}},
    "attention": {"features": {"weight": 0.0}},
    "all": {},
}
ARM_LABELS = {
    "labels": "labels alone",
    "response": "response",
    "features": "response + features",
    "attention": "response + attention",
    "all": "all three",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Distill every arm with every seed, compare, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recipe", default="mobilevit")
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[0, 1, 2])
    parser.add_argument("--arms", type=lambda text: text.split(","), default=list(ARMS))
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--unlabelled", type=Path)
    options = parser.parse_args(arguments)
    data, teacher = open_data(options.data), Checkpoint.load(options.teacher)
    recipe = load_recipe(DistillRecipe, options.recipe, "distill")
    if options.epochs:
        recipe = replace(recipe, training=replace(recipe.training, epochs=options.epochs, steps=0))
    extra = ExtraData(unlabelled=(open_data(options.unlabelled),) if options.unlabelled else ())
    work = options.out.with_name(f"{options.out.name}.runs")
    runs: dict[str, list[Checkpoint]] = {arm: [] for arm in options.arms}
    with ProgressBars() as progress:
        for seed in options.seeds:
            for arm in options.arms:
                out = work / f"{arm}-{seed}"
                runs[arm].append(
                    run(teacher, data, recipe=arm_recipe(recipe, arm, seed), out=out, extra=extra, progress=progress)
                )
    record = compare(runs, teacher, data)
    record |= {
        "seeds": options.seeds,
        "songs": {name: len(split) for name, split in data.splits.items()},
        "unlabelled_clips": sum(len(music.split(UNLABELLED)) for music in extra.unlabelled),
        "recipe": to_plain(recipe),
        "machine": to_plain(describe_machine()),
        "versions": package_versions(),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    write_json(options.out / "ablation.json", record)
    draw(options.out / "ablation.png", record)
    if "all" in runs:
        curves = mean_terms([student.history for student in runs["all"]])
        write_chart(options.out / "terms.png", (8, 4), lambda axes: draw_terms(axes, curves))
    for arm, result in record["arms"].items():
        values = {name: "{value:.3f} [{low:.3f}, {high:.3f}]".format(**value) for name, value in result["ccc"].items()}
        print(arm, values, result["retention"], result["by_seed"])


def arm_recipe(recipe: DistillRecipe, arm: str, seed: int) -> DistillRecipe:
    """The recipe of one arm and seed."""
    terms = {name: replace(getattr(recipe, name), **values) for name, values in ARMS[arm].items()}
    return replace(recipe, training=replace(recipe.training, seed=seed), **terms)


def run(
    teacher: Checkpoint, data: PreparedData, *, recipe: DistillRecipe, out: Path, extra: ExtraData, progress: Progress
) -> Checkpoint:
    """Distill one student, or load it if it exists."""
    inputs = [to_plain(recipe), weights_digest(teacher.model), data.sheet.fingerprint]
    inputs += [music.sheet.fingerprint for music in extra.unlabelled]
    out = out.with_name(f"{out.name}-{hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:8]}")
    if not out.exists():
        cache = out.parent / "teacher-outputs"
        student = distill(teacher, data, recipe=recipe, out=out, progress=progress, extra=extra, cache=cache)
        print(f"{out.name}: {val_evaluation(student).ccc['mean'].value} on validation songs", flush=True)
    return Checkpoint.load(out)


def compare(runs: dict[str, list[Checkpoint]], teacher: Checkpoint, data: PreparedData) -> dict[str, Any]:
    """CCC and retention of every arm on the test songs, and its gain over simpler arms."""
    truth = data.split("test").labels
    predictions = {arm: np.stack([predictions_on_test(one) for one in students]) for arm, students in runs.items()}
    evaluated_teacher = teacher_evaluation(next(iter(runs.values()))[0])
    teacher_predictions = evaluated_teacher.test.predictions.astype(np.float32)
    arms = {}
    for arm, predicted in predictions.items():
        simpler = [other for other in ("labels", "response") if other in predictions and other != arm]
        gains = {other: paired_difference_of_runs(truth, predictions[other], predicted, 0) for other in simpler}
        arms[arm] = {
            "ccc": to_plain(mean_of_runs(truth, predicted, 0)),
            "retention": to_plain(retention_of_runs(truth, predicted, teacher_predictions, 0)),
            "gain_over": to_plain(gains),
            "by_seed": [round(float(ccc(truth, one).mean()), 4) for one in predicted],
            "validation": [val_evaluation(student).ccc["mean"].value for student in runs[arm]],
            "agreement_with_teacher": round(
                float(np.mean([ccc(teacher_predictions, one).mean() for one in predicted])), 4
            ),
            "parameters": sum(p.numel() for p in runs[arm][0].model.parameters()),
            "history": [student.history for student in runs[arm]],
        }
    return {
        "arms": arms,
        "teacher": {
            "ccc": to_plain(mean_of_runs(truth, teacher_predictions[None], 0)),
            "parameters": evaluated_teacher.parameters,
            "training_data": to_plain(teacher.data),
            "weights": weights_digest(teacher.model),
        },
        "data": to_plain(data.origin),
    }


def val_evaluation(student: Checkpoint) -> SplitEvaluation:
    """A student's evaluation on the validation songs."""
    assert student.evaluation.val is not None
    return student.evaluation.val


def teacher_evaluation(student: Checkpoint) -> TeacherEvaluation:
    """The evaluation of a student's teacher."""
    assert student.evaluation.teacher is not None
    return student.evaluation.teacher


def predictions_on_test(student: Checkpoint) -> NDArray[np.float32]:
    """A student's predictions for the test songs [songs, 2]."""
    assert student.evaluation.test is not None
    return student.evaluation.test.predictions.astype(np.float32)


def draw(path: Path, record: dict[str, Any]) -> None:
    """Draw the mean CCC of each arm with its interval, and the teacher's as a line."""
    teacher_ccc = record["teacher"]["ccc"]["mean"]

    def draw_axes(axes: Axes) -> None:
        for row, (arm, result) in enumerate(record["arms"].items()):
            mean = result["ccc"]["mean"]
            axes.plot([mean["low"], mean["high"]], [row, row], color=LIGHT.first, linewidth=2)
            axes.plot(result["by_seed"], [row] * len(result["by_seed"]), "|", color=LIGHT.ink, markersize=10)
            axes.plot([mean["value"]], [row], "o", color=LIGHT.first)
            retention = result["retention"]["value"]
            label = ARM_LABELS[arm] if retention is None else f"{ARM_LABELS[arm]}\nretention {retention:.2f}"
            axes.text(-0.02, row, label, transform=axes.get_yaxis_transform(), ha="right", va="center")
        axes.axvspan(teacher_ccc["low"], teacher_ccc["high"], color=LIGHT.second, alpha=0.12, linewidth=0)
        axes.axvline(teacher_ccc["value"], color=LIGHT.second, label="teacher, with its interval")
        axes.set_yticks([])
        axes.invert_yaxis()
        axes.set_xlabel(f"mean CCC on {record['songs']['test']} test songs, 95% interval; ticks are seeds")
        axes.legend(loc="best", frameon=False)

    write_chart(path, (8, 4), draw_axes)


def mean_terms(histories: Sequence[History]) -> LearningCurves:
    """Each loss term by epoch, averaged over seeds, for the epochs that all runs completed."""
    names = [name.removeprefix("gradient_") for name in histories[0][0] if name.startswith("gradient_")]
    epochs = range(min(len(history) for history in histories))
    terms: dict[str, tuple[float | None, ...]] = {
        name: tuple(float(np.mean([history[i][f"train_{name}"] or 0.0 for history in histories])) for i in epochs)
        for name in names
    }
    return LearningCurves(epochs=tuple(epochs), ccc={}, terms=terms)


if __name__ == "__main__":
    main()
