"""The states of a training on disk: after the last two epochs and the best one, each whole or recognized as damaged."""

from __future__ import annotations

import hashlib
import io
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint
from torch import nn

from sentio_mobile._internal.claims import part_of, remove, sweep
from sentio_mobile.errors import OutputError
from sentio_mobile.training.callbacks import is_first_process

_MAGIC = b"sha-256\n"
_TRAILER = 32 + len(_MAGIC)


class WholeFiles(TorchCheckpointIO):
    """Writes a state beside its place and moves it in, with its hash at the end; torch does not read past its own."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a state.

        Raises:
            OSError: It cannot be written; what was there stays.
        """
        place, content = Path(path), io.BytesIO()
        torch.save(checkpoint, content)
        prefix, suffix = part_of(place)
        part = place.with_name(f"{prefix}state{suffix}")
        sweep(place.parent)
        try:
            with part.open("wb") as file:
                file.write(content.getbuffer())
                file.write(hashlib.sha256(content.getbuffer()).digest() + _MAGIC)
                file.flush()
                os.fsync(file.fileno())
            part.replace(place)
        finally:
            remove(part)


def is_whole(path: Path) -> bool:
    """Whether a state is what was written."""
    try:
        with path.open("rb") as file:
            left = os.fstat(file.fileno()).st_size - _TRAILER
            digest = hashlib.sha256()
            while left > 0 and (block := file.read(min(left, 1 << 20))):
                digest.update(block)
                left -= len(block)
            return left == 0 and file.read() == digest.digest() + _MAGIC
    except OSError:
        return False


class EpochStates(Checkpoint):
    """Saves the trainer's state after every epoch, and keeps those after the last two epochs and after the best one.

    Two, so that a damaged file costs one epoch. Lightning's `ModelCheckpoint` saves its last state only when it saves a
    best one.

    Args:
        work: Folder of the states.
        monitor: A logged metric, whose largest value makes the best epoch; None if the last one is kept.
    """

    def __init__(self, work: Path, monitor: str | None = None) -> None:
        self._work, self._monitor = work, monitor
        self._value = -math.inf
        self._best: int | None = None
        self._last: int | None = None

    @property
    def kept(self) -> Path | None:
        """The state after the best epoch, or after the last one without `monitor`; None before the first."""
        epoch = self._best if self._monitor else self._last
        return None if epoch is None else state_after(self._work, epoch)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Save the state, then remove those that nothing needs any more.

        Raises:
            OutputError: The folder of the states was deleted.
        """
        epoch, before = trainer.current_epoch, self._best
        if self._monitor:
            value = float(trainer.callback_metrics[self._monitor])
            if self._best is None or value > self._value:
                self._best, self._value = epoch, value
        self._last = epoch
        if is_first_process() and not self._work.is_dir():
            raise OutputError(f"{self._work} was deleted during training; give the command again")
        trainer.save_checkpoint(state_after(self._work, epoch))
        if is_first_process():
            # The state after the epoch before needs the one that was best then.
            needed = {state_after(self._work, one) for one in (epoch, epoch - 1, self._best, before) if one is not None}
            for path in self._work.glob("epoch-*.ckpt"):
                if path not in needed:
                    remove(path)

    def state_dict(self) -> dict[str, Any]:
        """The last epoch, and the best one with its value."""
        return {"last": self._last, "best": self._best, "value": self._value}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore them in a resumed run."""
        self._last, self._best, self._value = (state_dict[name] for name in ("last", "best", "value"))


def state_after(work: Path, epoch: int) -> Path:
    """File of the state after an epoch, counted from 0."""
    return work / f"epoch-{epoch:05}.ckpt"


def load_network(model: nn.Module, path: Path) -> None:
    """Give a network the weights in a state of the trainer.

    Raises:
        OSError: The state was removed.
        RuntimeError: It is of another network.
    """
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    model.load_state_dict({n.removeprefix("model."): w for n, w in state.items() if n.startswith("model.")})


def newest_state(work: Path, say: Callable[[str], None]) -> Path | None:
    """The state after the last epoch that a run can be resumed from; None to begin at the beginning.

    Args:
        work: Folder of the states.
        say: Called with what is done, in a few words, if there was a state.
    """
    damaged = 0
    for path in sorted(work.glob("epoch-*.ckpt"), reverse=True):
        if is_whole(path):
            # Not read into memory: only one number of it is of interest.
            found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)["callbacks"]["EpochStates"]
            best = found["best"]
            if best is None or best == found["last"] or is_whole(state_after(work, best)):
                say(f"goes on after epoch {found['last'] + 1}" + _because(damaged))
                return path
        damaged += 1
    if damaged:
        say("from the beginning" + _because(damaged))
    return None


def _because(damaged: int) -> str:
    states = "a newer state is" if damaged == 1 else f"{damaged} newer states are"
    return f", because {states} damaged" if damaged else ""
