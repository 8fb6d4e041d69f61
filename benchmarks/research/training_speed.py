"""Measure what the order of an image's numbers is worth in a training step of a student.

    taskset -c 1 chrt -r 1 python benchmarks/research/training_speed.py OUT.json [--runs 60]

A step is forward, backward and the optimizer's, for 16 images at one thread. Before: the stem's maps lie channel by
channel. Now: pixel by pixel, with the channels of each together. Both sides have the same weights and take turns in one
process; pin it to one core where other work shares the machine. A ratio is that of the medians, now / before, with a
bootstrap 95% interval over rounds. The loss of the first step of both is in the record, to show that they compute the
same.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.records import to_plain
from sentio_mobile.benchmarks.latency import ratio_of, time_in_turns
from sentio_mobile.benchmarks.machine import describe_machine
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.formats.base import Runner
from sentio_mobile.models.mobilevit import MobileViT, Stem
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.recipes import load_recipe
from sentio_mobile.spec import AudioSpec

RECIPES = ("mobilevit", "mobilevit_xs")
BATCH, WARM_UP = 16, 3


class ChannelFirst(Stem):
    """The stem as it was before."""

    def in_order(self, image: torch.Tensor) -> torch.Tensor:
        """Images as they are."""
        return image


def stepping(
    recipe: str, kind: type[Stem], dtype: torch.dtype
) -> tuple[Callable[[NDArray[np.float32]], object], float]:
    """A function that takes a training step on images, and the loss of the first."""
    torch.manual_seed(0)
    settings = load_recipe(DistillRecipe, recipe, "distill")
    model = build(spec_of(settings.model, AudioSpec(image_size=settings.image_size or AudioSpec().image_size)))
    assert isinstance(model, MobileViT)
    model.stem.__class__ = kind
    optimizer = torch.optim.AdamW(model.train().parameters(), lr=1e-4)

    def step(images: NDArray[np.float32]) -> float:
        torch.manual_seed(0)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype is torch.bfloat16):
            loss = model(torch.from_numpy(images)).float().square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    height, width = model_size(settings)
    first = step(draw(height, width))
    return step, first


def model_size(recipe: DistillRecipe) -> tuple[int, int]:
    """Height and width of a recipe's images."""
    return recipe.image_size or AudioSpec().image_size


def draw(height: int, width: int) -> NDArray[np.float32]:
    """A batch of random images."""
    return np.random.default_rng(0).normal(size=(BATCH, 3, height, width)).astype(np.float32)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print one line for each row, and write OUT.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT.json")
    parser.add_argument("--runs", type=int, default=60, help="Timed rounds of each row (default: 60).")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    rows: dict[str, Any] = {}
    for recipe in RECIPES:
        images = draw(*model_size(load_recipe(DistillRecipe, recipe, "distill")))
        for dtype in (torch.float32, torch.bfloat16):
            sides = {"before": stepping(recipe, ChannelFirst, dtype), "now": stepping(recipe, Stem, dtype)}
            runners = cast("dict[str, Runner]", {side: step for side, (step, _) in sides.items()})
            times = time_in_turns(runners, {side: [images] for side in sides}, runs=options.runs, warm_up=WARM_UP)
            name = f"{recipe} {str(dtype).removeprefix('torch.')}"
            rows[name] = {
                "p50_ms": {side: round(float(np.median(values)), 1) for side, values in times.items()},
                "ratio": to_plain(ratio_of(times["now"], times["before"])),
                "first_loss": {side: loss for side, (_, loss) in sides.items()},
            }
            print(name, rows[name], flush=True)
    write_json(options.out, {"machine": to_plain(describe_machine()), "threads": 1, "runs": options.runs, "rows": rows})


if __name__ == "__main__":
    main()
