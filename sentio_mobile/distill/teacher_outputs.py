"""The teacher's predictions, features and attention: computed in each step, or cached on disk before training.

The cache holds one file for each augmented view of the clips and each output, with one record per song:

    <folder>/<key>/<view>.<output>.f16

Features and attention are stored in half precision. Predictions, which take next to no space, are stored in single
precision: half precision is too coarse near 1, where a temperature inverts the tanh.

`key` is a hash of everything that the outputs depend on. A file is moved into place when it is complete, so that an
interrupted run continues with the first missing file, and a run that needs other outputs of the same teacher adds them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import DataLoader

from sentio_mobile._internal.claims import claimed
from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import to_plain
from sentio_mobile.audio.image import to_input_batch
from sentio_mobile.distill.layer_mapping import (
    PREDICTIONS,
    Grid,
    LayerMapping,
    attention_name,
    features_name,
    resample_attention,
    resample_features,
)
from sentio_mobile.distill.losses import standardized
from sentio_mobile.errors import OutputError
from sentio_mobile.models.capture import Capturable, capture
from sentio_mobile.models.checkpoint import Checkpoint, weights_digest
from sentio_mobile.training.clips import Batch, TrainingClips

TeacherOutputs = Callable[[Batch], Mapping[str, torch.Tensor]]
"""Gives the teacher's outputs for a batch, by the names of `LayerMapping.teacher_outputs`."""

_VERSION = 2
_BATCH = 16


def compute_teacher_outputs(
    teacher: nn.Module, images: torch.Tensor, *, names: tuple[str, ...], grid: Grid | None
) -> dict[str, torch.Tensor]:
    """Run the teacher on a batch, and resample its outputs to the student's token grid.

    Args:
        teacher: A network in evaluation mode, `Capturable` if more than its predictions is needed.
        images: The teacher's input [batch, 3, height, width].
        names: Names of the outputs; see `LayerMapping.teacher_outputs`.
        grid: The student's token grid; None if only predictions are needed.

    Returns:
        `predictions` [batch, 2]; `features-B`, standardized [batch, tokens, width]; `attention-B`, averaged over heads
        [batch, tokens, tokens]. B is a block of the teacher.
    """
    blocks = {name: int(name.split("-")[1]) for name in names if name != PREDICTIONS}
    with torch.no_grad():
        if not blocks:
            return {PREDICTIONS: teacher(images)}
        assert isinstance(teacher, Capturable)
        assert grid is not None
        captured = capture(
            teacher,
            images,
            hidden={block for name, block in blocks.items() if name == features_name(block)},
            attention={block for name, block in blocks.items() if name == attention_name(block)},
        )
        outputs = {PREDICTIONS: captured.output}
        for name, block in blocks.items():
            if name == features_name(block):
                outputs[name] = standardized(resample_features(captured.hidden[block], teacher.grid, grid))
            else:
                outputs[name] = resample_attention(captured.attention[block].mean(dim=1), teacher.grid, grid)
        return {name: outputs[name] for name in names}


def online_teacher(teacher: Checkpoint, mapping: LayerMapping) -> TeacherOutputs:
    """Compute the teacher's outputs in each training step, for clips that are augmented anew in each epoch."""
    model = teacher.model.eval().requires_grad_(False)

    def compute(batch: Batch) -> Mapping[str, torch.Tensor]:
        model.to(batch.log_mel.device)
        images = to_input_batch(batch.log_mel, teacher.spec)
        return compute_teacher_outputs(model, images, names=mapping.teacher_outputs, grid=mapping.grid)

    return compute


def cached_outputs(batch: Batch) -> Mapping[str, torch.Tensor]:
    """Take the teacher's outputs from the batch, into which they were read from a cache."""
    return batch.teacher_outputs


@dataclass(frozen=True, kw_only=True)
class TeacherOutputCache:
    """An open cache. Called with a view and a song, it gives the teacher's outputs for that clip.

    Attributes:
        folder: The folder of the files.
        shapes: Shape of one record of each output, by name.
    """

    folder: Path
    shapes: Mapping[str, tuple[int, ...]]
    _open: dict[str, NDArray[np.floating]]

    def __call__(self, view: int, song: int) -> dict[str, torch.Tensor]:
        """The outputs for one clip, in single precision."""
        return {
            name: torch.from_numpy(self._records(view, name, shape)[song].astype(np.float32))
            for name, shape in self.shapes.items()
        }

    def _records(self, view: int, name: str, shape: tuple[int, ...]) -> NDArray[np.floating]:
        path = _file(self.folder, view, name)
        if path.name not in self._open:
            self._open[path.name] = np.memmap(path, dtype=_dtype(name), mode="r").reshape(-1, *shape)
        return self._open[path.name]


def fill_cache(
    teacher: Checkpoint, clips: TrainingClips, *, mapping: LayerMapping, folder: Path, progress: Progress
) -> TeacherOutputCache:
    """Compute the teacher's outputs for every view of every clip, except for those that the folder already holds.

    Args:
        teacher: The teacher.
        clips: The training clips; `clips.sources.views` is the number of views.
        mapping: Defines the outputs, and the student's token grid.
        folder: The cache folder.
        progress: Receives each batch.

    Raises:
        OutputError: The folder cannot be written, another process fills it, or the disk has too little space.
    """
    names, grid = mapping.teacher_outputs, mapping.grid
    shapes = _shapes(teacher, clips, names, grid)
    files = folder / _key(teacher, clips, grid)
    views = clips.sources.views
    missing = {view: [name for name in names if not _file(files, view, name).is_file()] for view in range(views)}
    missing = {view: outputs for view, outputs in missing.items() if outputs}
    numbers = sum(len(clips) * int(np.prod(shapes[name])) for outputs in missing.values() for name in outputs)
    _require_space(files, 2 * numbers)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    teacher.model.to(device)
    progress.start("running the teacher", len(missing) * -(-len(clips) // _BATCH))
    with claimed(files, inside=True):
        for view, outputs in missing.items():
            parts = {name: _file(files, view, name).with_suffix(".part") for name in outputs}
            for part in parts.values():
                part.unlink(missing_ok=True)
            for batch in DataLoader(clips, _BATCH, sampler=[(view, song) for song in range(len(clips))]):
                images = to_input_batch(batch.log_mel.to(device), teacher.spec)
                computed = compute_teacher_outputs(teacher.model, images, names=tuple(outputs), grid=grid)
                for name, part in parts.items():
                    _append(part, computed[name].cpu().numpy().astype(_dtype(name)))
                progress.advance()
            for name, part in parts.items():
                part.replace(_file(files, view, name))
    progress.finish()
    return TeacherOutputCache(folder=files, shapes=shapes, _open={})


def _shapes(
    teacher: Checkpoint, clips: TrainingClips, names: tuple[str, ...], grid: Grid | None
) -> dict[str, tuple[int, ...]]:
    images = to_input_batch(clips[0, 0].log_mel[None], teacher.spec)
    outputs = compute_teacher_outputs(teacher.model, images, names=names, grid=grid)
    return {name: tuple(value.shape[1:]) for name, value in outputs.items()}


def _key(teacher: Checkpoint, clips: TrainingClips, grid: Grid | None) -> str:
    inputs = [
        _VERSION, teacher.spec.to_dict(), weights_digest(teacher.model), clips.fingerprints,
        to_plain(clips.settings.augment), clips.settings.seed, grid,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:16]


def _dtype(name: str) -> str:
    return "<f4" if name == PREDICTIONS else "<f2"


def _file(folder: Path, view: int, name: str) -> Path:
    return folder / f"{view:03}.{name}.f{8 * int(_dtype(name)[-1])}"


def _append(path: Path, records: NDArray[np.floating]) -> None:
    try:
        with path.open("ab") as file:
            file.write(records.tobytes())
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def _require_space(folder: Path, needed: int) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}; choose a folder that you can write to") from error
    if needed > free:
        raise OutputError(
            f"{folder}: the teacher's outputs need {needed / 1e9:.1f} GB, and the disk has {free / 1e9:.1f} GB left; "
            "lower `views` in the recipe, name fewer blocks, or choose another --cache"
        )
