"""Measure what caching the teacher's outputs saves.

    python benchmarks/research/teacher_output_cache.py OUT.json --data PREPARED

A student is distilled with the teacher running in each step, and from cached outputs, alternating every few steps, on
the same clips. The teacher is a ViT-B/16 with random weights, which costs as much as a trained one. The loss terms of
both ways are compared on one batch before the first step.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
from sentio_mobile.distill.layer_mapping import map_layers
from sentio_mobile.distill.objective import Distillation
from sentio_mobile.distill.teacher_outputs import TeacherOutputs, cached_outputs, fill_cache, online_teacher
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import ViTSettings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.recipes import load_recipe
from sentio_mobile.spec import ModelSpec
from sentio_mobile.training.clips import Batch, TrainingClips
from sentio_mobile.training.sources import TrainingSources

BATCH = 12
ONLINE, CACHED = "in the loop", "cached"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write OUT.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recipe", default="mobilevit")
    parser.add_argument("--turns", type=int, default=8, help="Measurements of each way.")
    parser.add_argument("--batches", type=int, default=2, help="Training steps per measurement.")
    options = parser.parse_args(arguments)
    recipe = load_recipe(DistillRecipe, options.recipe, "distill")
    data = first_songs(open_data(options.data), BATCH * options.batches)
    torch.manual_seed(0)
    spec = spec_of(recipe.model, data.audio)
    student, teacher_spec = build(spec), spec_of(ViTSettings(), data.audio)
    teacher = Checkpoint(model=build(teacher_spec).eval(), spec=teacher_spec)
    width = teacher.model.width
    assert isinstance(width, int), "a ViT"
    mapping = map_layers(teacher.model, student, features=recipe.features, attention=recipe.attention)
    with tempfile.TemporaryDirectory(dir=options.out.absolute().parent) as folder, ProgressBars() as bars:
        sources = TrainingSources(views=1)
        clips = TrainingClips(data, recipe.training, sources)
        start = time.perf_counter()
        cache = fill_cache(teacher, clips, mapping=mapping, folder=Path(folder), progress=bars)
        seconds_per_clip = (time.perf_counter() - start) / len(clips)
        bytes_per_clip = sum(path.stat().st_size for path in Path(folder).rglob("*.f*") if path.is_file()) / len(clips)
        ways: dict[str, tuple[TeacherOutputs, TrainingClips]] = {
            ONLINE: (online_teacher(teacher, mapping), clips),
            CACHED: (
                cached_outputs,
                TrainingClips(data, recipe.training, replace(sources, teacher_outputs=cache)),
            ),
        }
        objectives = {}
        for name, (outputs, _) in ways.items():
            torch.manual_seed(1)
            objectives[name] = Distillation(
                mapping, student=student, token_width=width, recipe=recipe, outputs=outputs, identity=""
            )
        first_batches = {name: next(iter(loader(clips))) for name, (_, clips) in ways.items()}
        terms = compare_terms(first_batches, objectives, student=student, spec=spec)
        rates: dict[str, list[float]] = {name: [] for name in ways}
        networks = {name: copy.deepcopy(student) for name in ways}
        for turn in range(options.turns + 1):
            for name, (_, clips) in ways.items():
                rate = train(networks[name], objectives[name], batches=loader(clips), spec=spec)
                # The first turn is a warm-up.
                rates[name] += [rate] if turn else []
                print(f"turn {turn}: {name} {rate:.2f} clips per second", flush=True)
    ratios = [cached / online for cached, online in zip(rates[CACHED], rates[ONLINE], strict=True)]
    command = f"python benchmarks/research/teacher_output_cache.py OUT.json --data PREPARED --turns {options.turns}"
    write_json(
        options.out,
        {
            "command": command,
            "machine": to_plain(describe_machine()),
            "threads": torch.get_num_threads(),
            "batch": BATCH,
            "recipe": to_plain(recipe),
            "clips_per_second": rates,
            "ratio": {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios)},
            "teacher_seconds_per_clip": seconds_per_clip,
            "stored_bytes_per_clip": bytes_per_clip,
            "terms": terms,
        },
    )
    print(f"ratio {statistics.median(ratios):.2f}, from {min(ratios):.2f} to {max(ratios):.2f}")


def first_songs(data: PreparedData, count: int) -> PreparedData:
    """The same data with only the first training songs."""
    train = data.split("train")
    fewer = replace(
        train,
        song_ids=train.song_ids[:count], groups=train.groups[:count], rows=train.rows[:count],
        labels=train.labels[:count], windows=train.windows[:count], window_labels=train.window_labels[:count],
    )  # fmt: skip
    return replace(data, splits={**data.splits, "train": fewer})


def loader(clips: TrainingClips) -> DataLoader[Batch]:
    """The clips of the first epoch, in order."""
    return DataLoader(clips, BATCH, sampler=[(0, song) for song in range(len(clips))])


def compare_terms(
    batches: dict[str, Batch], objectives: dict[str, Distillation], *, student: nn.Module, spec: ModelSpec
) -> dict[str, dict[str, float]]:
    """Each loss term for one batch in both ways, and the largest relative difference."""
    terms = {}
    for name, batch in batches.items():
        torch.manual_seed(2)
        network = copy.deepcopy(student).train()
        values = objectives[name](network, to_input_batch(batch.log_mel, spec), batch)
        terms[name] = {term: float(value.detach()) for term, value in values.items()}
    first, second = terms.values()
    largest = max(abs(first[term] - second[term]) / max(abs(first[term]), 1e-9) for term in first)
    return {**terms, "worst_relative_difference": {"value": largest}}


def train(network: nn.Module, objective: Distillation, *, batches: DataLoader[Any], spec: ModelSpec) -> float:
    """Train on all batches; return the clips per second, including loading."""
    network.train()
    optimizer = torch.optim.AdamW([*network.parameters(), *objective.parameters()], lr=1e-4)
    start, count = time.perf_counter(), 0
    for batch in batches:
        optimizer.zero_grad()
        objective(network, to_input_batch(batch.log_mel, spec), batch)["loss"].backward()
        optimizer.step()
        count += len(batch.log_mel)
    return count / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
