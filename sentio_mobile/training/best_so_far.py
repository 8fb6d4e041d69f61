"""An early listen: the best epoch of a training that is under way becomes a checkpoint like any other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sentio_mobile._internal.records import read_record
from sentio_mobile.errors import CheckpointError
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.registry import build
from sentio_mobile.spec import ModelSpec
from sentio_mobile.training.callbacks import SPEC
from sentio_mobile.training.states import is_whole, load_network, state_after

_TRIES = 3
"""A training that goes on removes the state that is being read, when it has a better one."""


@dataclass(frozen=True)
class BestSoFar:
    """Which epoch it was.

    Attributes:
        epoch: Its number, counted from 1.
        last: The last complete epoch.
        ccc: Its validation CCC; None where the last weights are kept whatever they are worth.
    """

    epoch: int
    last: int
    ccc: float | None

    def __str__(self) -> str:
        worth = "" if self.ccc is None else f", validation CCC {self.ccc:.2f}"
        return f"epoch {self.epoch} of {self.last} so far{worth}"


def save_best_so_far(work: Path, out: Path) -> BestSoFar:
    """Write a checkpoint with the weights that a training would keep if it ended now.

    Args:
        work: Folder of the training's states, `<out>.training`.
        out: The checkpoint folder to write.

    Raises:
        CheckpointError: No epoch is complete, or `work` holds no training that can be listened to.
        OutputError: `out` cannot be written.
    """
    spec = read_record(ModelSpec, work / SPEC, CheckpointError)
    for _ in range(_TRIES):
        found = _best_of(work)
        if found is None:
            continue
        path, best = found
        model = build(spec)
        try:
            load_network(model, path)
        except OSError:
            continue
        except RuntimeError as error:
            raise CheckpointError(f"{path} does not fit {SPEC} beside it; it is of another training") from error
        Checkpoint(model=model.eval(), spec=spec, recipe={"under_way": str(best)}).save(out)
        return best
    raise CheckpointError(f"{work}: no epoch of this training is complete yet; try again after the first")


def _best_of(work: Path) -> tuple[Path, BestSoFar] | None:
    for path in sorted(work.glob("epoch-*.ckpt"), reverse=True):
        try:
            if not is_whole(path):
                continue
            told: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)["callbacks"]
        except OSError:
            continue
        kept = told["EpochStates"]
        last, best = kept["last"], kept["best"]
        if best is None:
            return path, BestSoFar(last + 1, last + 1, None)
        if is_whole(state_after(work, best)):
            return state_after(work, best), BestSoFar(best + 1, last + 1, kept["value"])
    return None
