"""What a GAN is worth before and after training, and which of its choices measure best.

    python benchmarks/research/gan_choices.py OUT --data PREPARED [--choices soft,hard,exact] [--recipe cgan_small]
    [--epochs 16]

Trains one GAN for each choice, all with the same clips, steps and seed, into OUT/<choice>; those that are there already
are not trained again, and a killed one continues. Each GAN, and the untrained networks, are evaluated against the
training songs, with an emotion model fitted on the validation songs; test songs are not read. OUT/choices.json has the
evaluations. OUT/<choice>.html shows real and generated clips; OUT/<choice>.png shows generated ones alone, because the
real songs may not be passed on.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace, to_plain
from sentio_mobile.benchmarks.machine import describe_machine
from sentio_mobile.cli.progress_bars import ProgressBars
from sentio_mobile.data.prepared import open_data
from sentio_mobile.errors import TrainingError
from sentio_mobile.models.checkpoint import package_versions
from sentio_mobile.recipes import load_recipe
from sentio_mobile.teacher.gan.batches import song_examples
from sentio_mobile.teacher.gan.checkpoint import GanCheckpoint
from sentio_mobile.teacher.gan.config import STAGE, GanRecipe
from sentio_mobile.teacher.gan.evaluation.clips import open_samples
from sentio_mobile.teacher.gan.evaluation.evaluate import evaluate_gan
from sentio_mobile.teacher.gan.evaluation.page import write_gan_evaluation
from sentio_mobile.teacher.gan.spectrogram_chart import draw_spectrogram
from sentio_mobile.teacher.gan.train import train_gan, untrained

CHOICES: dict[str, dict[str, Any]] = {
    "soft": {"vicinity": "soft", "diversity": 0.0},
    "hard": {"vicinity": "hard", "diversity": 0.0},
    "exact": {"vicinity": "exact", "diversity": 0.0},
    "no-diffaugment": {"diffaugment": 0.0, "diversity": 0.0},
    "hinge": {"loss": "hinge", "diversity": 0.0},
    "diverse": {"vicinity": "soft", "diversity": 4.0},
}
SAMPLES, SEED = 400, 0
OF_CLIPS = ("songs", "truth", "predicted", "distances", "unseen_distances", "similarities", "nearest")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, evaluate, and write choices.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recipe", default="cgan_small")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--choices", type=lambda text: text.split(","), default=list(CHOICES))
    options = parser.parse_args(arguments)
    data = open_data(options.data)
    examples = song_examples(data)
    recipe = load_recipe(GanRecipe, options.recipe, STAGE)
    if options.epochs:
        recipe = changed(recipe, {"epochs": options.epochs})
    first = options.out / "untrained"
    if not first.exists():
        untrained(examples, recipe).save(first)
    with ProgressBars() as bars:
        for choice in options.choices:
            out, began = options.out / choice, time.monotonic()
            if out.exists() or out.with_name(f"{choice}.stopped").exists():
                continue
            try:
                train_gan(examples, changed(recipe, CHOICES[choice]), out=out, progress=bars)
            except TrainingError as error:
                print(f"{choice}: {error}", flush=True)
            print(f"{choice}: {time.monotonic() - began:.0f} s", flush=True)
    evaluations = {}
    for place in sorted(path.parent for path in options.out.glob("*/gan.json")):
        generated = open_samples(place, data, n=SAMPLES, seed=SEED, progress=NoProgress())
        found = evaluate_gan(generated, data, emotion_model=None, seed=SEED, progress=NoProgress())
        draw_corners(options.out / f"{place.name}.png", GanCheckpoint.load(place))
        write_gan_evaluation(options.out / f"{place.name}.html", found, generated, data)
        evaluations[place.name] = {**without_clips(to_plain(found)), "history": GanCheckpoint.load(place).history}
        print(place.name, f"{found.score.total:.0f}", *(str(found.consistency.interval(x, real=False)) for x in
              ("valence", "arousal")), f"diversity {found.diversity.overall:.2f}", flush=True)  # fmt: skip
    record = {
        "recipe": to_plain(recipe),
        "choices": CHOICES,
        "clips": len(examples),
        "evaluations": evaluations,
        "machine": to_plain(describe_machine()),
        "versions": package_versions(),
    }
    write_json(options.out / "choices.json", record)


def draw_corners(place: Path, gan: GanCheckpoint) -> None:
    """Two samples for each corner of the plane."""
    labels = [(v, a) for a in (0.6, -0.6) for v in (-0.6, 0.6)]
    samples = gan.sample(np.repeat(np.array(labels, dtype=np.float32), 2, axis=0), SEED)
    figure = Figure(figsize=(11, 5), dpi=90, layout="constrained")
    for i, (axes, mel) in enumerate(zip(figure.subplots(2, 4).flat, samples, strict=True)):
        draw_spectrogram(axes, mel, gan.audio)
        valence, arousal = labels[i // 2]
        axes.set_title(f"valence {valence:+.1f}, arousal {arousal:+.1f}", fontsize=9)
    figure.savefig(place)


def without_clips(values: dict[str, Any]) -> dict[str, Any]:
    """An evaluation without what it says of single clips: songs and their labels may not be passed on."""
    kept = {name: value for name, value in values.items() if not (name in OF_CLIPS and isinstance(value, list))}
    return {name: without_clips(value) if isinstance(value, dict) else value for name, value in kept.items()}


def changed(recipe: GanRecipe, values: dict[str, Any]) -> GanRecipe:
    """The same recipe with other training settings."""
    return replace(recipe, training=replace(recipe.training, **values))


if __name__ == "__main__":
    main()
