"""What the cache of a teacher's signals saves: `python benchmarks/research/signal_cache.py OUT.json --data PREPARED`.

A student learns from a teacher that runs in each step, and from the same teacher's cached signals, in turns, a few
steps each, with the same clips. The teacher is a ViT-B/16 with random weights, which costs what a trained one costs.
For a batch before any step it is also compared what the two ways make of each term of the loss.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.records import replace, to_plain
from sentio_mobile.audio.image import to_input_batch
from sentio_mobile.benchmarks.machine import describe_machine
from sentio_mobile.cli.progress_bars import ProgressBars
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.layer_mapping import Source, map_layers
from sentio_mobile.distill.objective import Distillation
from sentio_mobile.distill.teacher_outputs import cached_outputs, fill_cache, online_teacher
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import ViTSettings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.recipes import load_recipe
from sentio_mobile.spec import ModelSpec
from sentio_mobile.training.datamodule import Batch, TrainingClips
from sentio_mobile.training.sources import ExtraData

BATCH = 12


def main() -> None:
    """Measure, and write OUT.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recipe", default="mobilevit")
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--batches", type=int, default=2, help="Steps of each turn.")
    arguments = parser.parse_args()
    recipe = load_recipe(DistillRecipe, arguments.recipe, "distill")
    data = first_songs(open_data(arguments.data), BATCH * arguments.batches)
    torch.manual_seed(0)
    spec = spec_of(recipe.model, data.audio)
    student, of_teacher = build(spec), spec_of(ViTSettings(), data.audio)
    teacher = Checkpoint(model=build(of_teacher).eval(), spec=of_teacher)
    plan = map_layers(teacher.model, student, recipe.features, recipe.attention)
    with tempfile.TemporaryDirectory(dir=arguments.out.absolute().parent) as folder, ProgressBars() as bars:
        clips = TrainingClips(data, recipe.training, ExtraData(views=1))
        began = time.perf_counter()
        signals = fill_cache(teacher, clips, names=plan.signals, grid=plan.grid, folder=Path(folder), progress=bars)
        asked = (time.perf_counter() - began) / len(clips)
        stored = sum(path.stat().st_size for path in Path(folder).rglob("*.f*") if path.is_file()) / len(clips)
        kept = TrainingClips(data, recipe.training, ExtraData(views=1, signals=signals))
        ways: dict[str, tuple[Source, TrainingClips]] = {
            "in the loop": (online_teacher(teacher, plan.signals, plan.grid), clips),
            "cached": (cached_outputs, kept),
        }
        objectives = {}
        for name, (source, _) in ways.items():
            torch.manual_seed(1)
            objectives[name] = Distillation(plan, student, teacher.model, recipe, source, "")
        agreement = compare({name: next(iter(loader(way[1]))) for name, way in ways.items()}, objectives, student, spec)
        rates: dict[str, list[float]] = {name: [] for name in ways}
        networks = {name: copy.deepcopy(student) for name in ways}
        for turn in range(arguments.turns + 1):
            for name, (_, seen) in ways.items():
                rate = learn(networks[name], objectives[name], loader(seen), spec)
                # The first turn warms up.
                rates[name] += [rate] if turn else []
                print(f"turn {turn}: {name} {rate:.2f} clips a second", flush=True)
    ratios = [a / b for a, b in zip(rates["cached"], rates["in the loop"], strict=True)]
    write_json(
        arguments.out,
        {
            "command": f"python benchmarks/research/signal_cache.py OUT.json --data PREPARED --turns {arguments.turns}",
            "machine": to_plain(describe_machine()),
            "threads": torch.get_num_threads(),
            "batch": BATCH,
            "recipe": to_plain(recipe),
            "clips_a_second": rates,
            "ratio": {"median": statistics.median(ratios), "least": min(ratios), "most": max(ratios)},
            "asking_seconds_a_clip": asked,
            "stored_bytes_a_clip": stored,
            "terms": agreement,
        },
    )
    print(f"ratio {statistics.median(ratios):.2f}, from {min(ratios):.2f} to {max(ratios):.2f}")


def first_songs(data: PreparedData, count: int) -> PreparedData:
    """The same data with fewer training songs."""
    train = data.split("train")
    fewer = replace(
        train,
        song_ids=train.song_ids[:count], groups=train.groups[:count], rows=train.rows[:count],
        labels=train.labels[:count], windows=train.windows[:count], window_labels=train.window_labels[:count],
    )  # fmt: skip
    return replace(data, splits={**data.splits, "train": fewer})


def loader(clips: TrainingClips) -> DataLoader[Batch]:
    """Its clips in their order."""
    return DataLoader(clips, BATCH, sampler=[(0, song) for song in range(len(clips))])


def compare(
    batches: dict[str, Batch], objectives: dict[str, Distillation], student: nn.Module, spec: ModelSpec
) -> dict[str, dict[str, float]]:
    """Each term of the loss, by the way in which the teacher was asked."""
    found = {}
    for name, batch in batches.items():
        torch.manual_seed(2)
        network = copy.deepcopy(student).train()
        terms = objectives[name](network, to_input_batch(batch.units, spec), batch)
        found[name] = {term: float(value.detach()) for term, value in terms.items()}
    first, second = found.values()
    worst = max(abs(first[term] - second[term]) / max(abs(first[term]), 1e-9) for term in first)
    return {**found, "worst_relative_difference": {"value": float(np.float64(worst))}}


def learn(network: nn.Module, objective: Distillation, batches: DataLoader[Any], spec: ModelSpec) -> float:
    """Clips a second of a training step, loading included."""
    network.train()
    optimizer = torch.optim.AdamW([*network.parameters(), *objective.parameters()], lr=1e-4)
    began, seen = time.perf_counter(), 0
    for batch in batches:
        optimizer.zero_grad()
        objective(network, to_input_batch(batch.units, spec), batch)["loss"].backward()
        optimizer.step()
        seen += len(batch.units)
    return seen / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
