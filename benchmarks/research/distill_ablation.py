"""What each term of the distillation brings, and how much of the teacher the student keeps.

    python benchmarks/research/distill_ablation.py OUT --teacher CKPT --data PREPARED [--recipe mobilevit] [--seeds
    0,1,2]
        [--arms labels,response,features,attention,all] [--epochs 12] [--unlabelled PREPARED]

Every arm has the same songs, steps, first weights and augmented clips; what differs is the weights of the terms.
`labels` is no distillation at all. Runs go to OUT.runs, and those that are there are not made again; the teacher is
asked once for all arms of a seed. Writes OUT/ablation.json, OUT/ablation.png (agreement by arm) and OUT/terms.png (each
term of the arm `all`, by epoch). Epochs are chosen by validation songs; test songs are read once, at the end.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from sentio_mobile.benchmarks.scores import History

from sentio_mobile._internal.charts import LIGHT
from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.picture import write_picture
from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import replace, to_plain
from sentio_mobile.benchmarks.charts import draw_terms
from sentio_mobile.benchmarks.machine import describe_machine
from sentio_mobile.cli.progress_bars import ProgressBars
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.distill import distill
from sentio_mobile.metrics.agreement import ccc, mean_of_runs, paired_difference_of_runs, retention_of_runs
from sentio_mobile.models.checkpoint import Checkpoint, package_versions, weights_digest
from sentio_mobile.recipes import load_recipe

ARMS: dict[str, dict[str, dict[str, float]]] = {
    "labels": {"response": {"hard": 1.0, "soft": 0.0}, "features": {"weight": 0.0}, "attention": {"weight": 0.0}},
    "response": {"features": {"weight": 0.0}, "attention": {"weight": 0.0}},
    "features": {"attention": {"weight": 0.0}},
    "attention": {"features": {"weight": 0.0}},
    "all": {},
}
WORDS = {
    "labels": "people's labels alone",
    "response": "response",
    "features": "response + features",
    "attention": "response + attention",
    "all": "all three",
}


def main() -> None:
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
    arguments = parser.parse_args()
    data, teacher = open_data(arguments.data), Checkpoint.load(arguments.teacher)
    recipe = load_recipe(DistillRecipe, arguments.recipe, "distill")
    if arguments.epochs:
        recipe = replace(recipe, training=replace(recipe.training, epochs=arguments.epochs))
    extra = [open_data(arguments.unlabelled)] if arguments.unlabelled else []
    work = arguments.out.with_name(f"{arguments.out.name}.runs")
    runs: dict[str, list[Checkpoint]] = {arm: [] for arm in arguments.arms}
    with ProgressBars() as bars:
        for seed in arguments.seeds:
            for arm in arguments.arms:
                runs[arm].append(run(teacher, data, changed(recipe, arm, seed), work, f"{arm}-{seed}", extra, bars))
    record = compared(runs, teacher, data)
    record |= {
        "seeds": arguments.seeds,
        "songs": {name: len(split) for name, split in data.splits.items()},
        "unlabelled_clips": sum(len(given.split("unlabelled")) for given in extra),
        "recipe": to_plain(recipe),
        "machine": to_plain(describe_machine()),
        "versions": package_versions(),
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_json(arguments.out / "ablation.json", record)
    draw(arguments.out / "ablation.png", record)
    if "all" in runs:
        history = terms_of([made.history for made in runs["all"]])
        write_picture(arguments.out / "terms.png", (8, 4), lambda axes: draw_terms(axes, history))
    for arm, found in record["arms"].items():
        shown = {name: "{value:.3f} [{low:.3f}, {high:.3f}]".format(**value) for name, value in found["ccc"].items()}
        print(arm, shown, found["retention"], found["by_seed"])


def changed(recipe: DistillRecipe, arm: str, seed: int) -> DistillRecipe:
    """The recipe of one arm and seed."""
    parts = {name: replace(getattr(recipe, name), **values) for name, values in ARMS[arm].items()}
    return replace(recipe, training=replace(recipe.training, seed=seed), **parts)


def run(
    teacher: Checkpoint,
    data: PreparedData,
    recipe: DistillRecipe,
    work: Path,
    name: str,
    extra: list[PreparedData],
    bars: Progress,
) -> Checkpoint:
    """One student, or the one that stands there."""
    given = [to_plain(recipe), weights_digest(teacher.model), data.sheet.fingerprint]
    given += [songs.sheet.fingerprint for songs in extra]
    out = work / f"{name}-{hashlib.sha256(json.dumps(given).encode()).hexdigest()[:8]}"
    if not out.exists():
        made = distill(teacher, data, recipe=recipe, out=out, progress=bars, extra=extra, cache=work / "signals")
        print(f"{name}: {made.evaluation.val.ccc['mean'].value:.3f} on validation songs", flush=True)
    return Checkpoint.load(out)


def compared(runs: dict[str, list[Checkpoint]], teacher: Checkpoint, data: PreparedData) -> dict[str, Any]:
    """Every arm's agreement and retention on test songs, and its gain over the arms below it."""
    truth = data.split("test").labels
    answers = {arm: np.stack([of_test(made) for made in made_by]) for arm, made_by in runs.items()}
    first = next(iter(runs.values()))[0]
    taught = first.evaluation.teacher.test.predictions.astype(np.float32)
    arms = {}
    for arm, predicted in answers.items():
        below = {other: answers[other] for other in ("labels", "response") if other in answers and other != arm}
        gains = {other: paired_difference_of_runs(truth, rows, predicted, 0) for other, rows in below.items()}
        arms[arm] = {
            "ccc": {name: to_plain(value) for name, value in mean_of_runs(truth, predicted, 0).items()},
            "retention": to_plain(retention_of_runs(truth, predicted, taught, 0)),
            "gain_over": {other: {n: to_plain(v) for n, v in gain.items()} for other, gain in gains.items()},
            "by_seed": [round(float(ccc(truth, of_one).mean()), 4) for of_one in predicted],
            "validation": [made.evaluation.val.ccc["mean"].value for made in runs[arm]],
            "likeness": round(float(np.mean([ccc(taught, of_one).mean() for of_one in predicted])), 4),
            "parameters": sum(p.numel() for p in runs[arm][0].model.parameters()),
            "history": [made.history for made in runs[arm]],
        }
    return {
        "arms": arms,
        "teacher": {
            "ccc": {name: to_plain(value) for name, value in mean_of_runs(truth, taught[None], 0).items()},
            "parameters": first.evaluation.teacher.parameters,
            "learnt_from": teacher.data,
            "weights": weights_digest(teacher.model),
        },
        "data": to_plain(data.origin),
    }


def of_test(made: Checkpoint) -> np.ndarray:
    """A student's answers for the test songs [songs, 2]."""
    return made.evaluation.test.predictions.astype(np.float32)


def draw(place: Path, record: dict[str, Any]) -> None:
    """Mean CCC by arm with intervals, and the teacher's as a line."""
    arms = record["arms"]
    taught = record["teacher"]["ccc"]["mean"]

    def on(axes: Axes) -> None:
        for row, (arm, found) in enumerate(arms.items()):
            mean = found["ccc"]["mean"]
            axes.plot([mean["low"], mean["high"]], [row, row], color=LIGHT.first, linewidth=2)
            axes.plot(found["by_seed"], [row] * len(found["by_seed"]), "|", color=LIGHT.ink, markersize=10)
            axes.plot([mean["value"]], [row], "o", color=LIGHT.first)
            kept = found["retention"]["value"]
            words = WORDS[arm] if kept is None else f"{WORDS[arm]}\nretention {kept:.2f}"
            axes.text(-0.02, row, words, transform=axes.get_yaxis_transform(), ha="right", va="center")
        axes.axvspan(taught["low"], taught["high"], color=LIGHT.second, alpha=0.12, linewidth=0)
        axes.axvline(taught["value"], color=LIGHT.second, label="the teacher, and its interval")
        axes.set_yticks([])
        axes.invert_yaxis()
        axes.set_xlabel(f"mean CCC on {record['songs']['test']} test songs, 95% interval; strokes are seeds")
        axes.legend(loc="best", frameon=False)

    write_picture(place, (8, 4), on)


def terms_of(histories: list[list[dict[str, float]]]) -> History:
    """Each term by epoch, in the mean over seeds, as far as all of them went."""
    names = [name.removeprefix("gradient_") for name in histories[0][0] if name.startswith("gradient_")]
    epochs = range(min(len(history) for history in histories))
    terms = {name: tuple(float(np.mean([h[i][f"train_{name}"] for h in histories])) for i in epochs) for name in names}
    return History(epochs=tuple(epochs), ccc={}, terms=terms)


if __name__ == "__main__":
    main()
