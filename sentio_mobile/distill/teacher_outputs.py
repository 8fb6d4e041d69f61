"""What a teacher says of every clip that training will see, worked out once and kept on disk.

<folder>/<key>/<view>.<signal>.f16   one file for each view and signal: a record for each song, one after the other

Features and attention are kept in half precision; answers, which are next to nothing, in single: near 1, where a
temperature undoes their tanh, half precision is too coarse.

`key` is the hash of all that the signals follow from. A file is moved in when it is complete: a killed run goes on with
the first that is missing, and runs that want other signals of the same teacher add theirs.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import to_plain
from sentio_mobile.audio.image import to_input_batch
from sentio_mobile.distill.layer_mapping import ANSWERS, Source, teacher_outputs_of
from sentio_mobile.distill.token_grid import Grid
from sentio_mobile.errors import OutputError
from sentio_mobile.models.checkpoint import Checkpoint, weights_digest
from sentio_mobile.training.datamodule import Batch, TrainingClips

_VERSION = 1
_AT_ONCE = 16


@dataclass(frozen=True)
class TeacherOutputCache:
    """A teacher's signals, opened; called with a view and a song it gives what the teacher said of that clip.

    Attributes:
        folder: where they are.
        shapes: of a record of each signal, by name.
    """

    folder: Path
    shapes: Mapping[str, tuple[int, ...]]
    _open: dict[str, NDArray[np.floating]]

    def __call__(self, view: int, song: int) -> dict[str, torch.Tensor]:
        """Tensors of one clip, in single precision."""
        return {
            name: torch.from_numpy(self._records(view, name, shape)[song].astype(np.float32))
            for name, shape in self.shapes.items()
        }

    def _records(self, view: int, name: str, shape: tuple[int, ...]) -> NDArray[np.floating]:
        path = _place(self.folder, view, name)
        if path.name not in self._open:
            self._open[path.name] = np.memmap(path, dtype=_kind(name), mode="r").reshape(-1, *shape)
        return self._open[path.name]


def fill_cache(
    teacher: Checkpoint,
    clips: TrainingClips,
    *,
    names: tuple[str, ...],
    grid: Grid | None,
    folder: Path,
    progress: Progress,
) -> TeacherOutputCache:
    """Have the teacher look at every view of every clip, but for what the folder holds already.

    Args:
        teacher: the teacher.
        clips: what training will see; `clips.extras.views` says how many views there are.
        names: the signals; see `Plan.signals`.
        grid: the student's.
        folder: of the cache.
        progress: shown batch by batch.

    Raises:
        OutputError: it cannot be written, or is more than the disk has room for.
    """
    shapes = _shapes(teacher, clips, names, grid)
    place = folder / _key(teacher, clips, grid)
    views = clips.extras.views
    missing = {view: [name for name in names if not _place(place, view, name).is_file()] for view in range(views)}
    missing = {view: wanted for view, wanted in missing.items() if wanted}
    _make_room(place, sum(2 * len(clips) * int(np.prod(shapes[n])) for wanted in missing.values() for n in wanted))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    teacher.model.to(device)
    progress.start("asking the teacher", len(missing) * -(-len(clips) // _AT_ONCE))
    for view, wanted in missing.items():
        turns = [(view, song) for song in range(len(clips))]
        parts = {name: _place(place, view, name).with_suffix(".part") for name in wanted}
        for part in parts.values():
            part.unlink(missing_ok=True)
        for batch in DataLoader(clips, _AT_ONCE, sampler=turns):
            units = batch.units.to(device)
            given = teacher_outputs_of(teacher.model, to_input_batch(units, teacher.spec), tuple(wanted), grid)
            for name, part in parts.items():
                _append(part, given[name].cpu().numpy().astype(_kind(name)))
            progress.advance()
        for name, part in parts.items():
            part.replace(_place(place, view, name))
    progress.finish()
    return TeacherOutputCache(place, shapes, {})


def online_teacher(teacher: Checkpoint, names: tuple[str, ...], grid: Grid | None) -> Source:
    """The same signals worked out in each step, for training whose clips are new in each epoch."""
    model = teacher.model.eval().requires_grad_(False)

    def ask(batch: Batch) -> Mapping[str, torch.Tensor]:
        model.to(batch.units.device)
        return teacher_outputs_of(model, to_input_batch(batch.units, teacher.spec), names, grid)

    return ask


def cached_outputs(batch: Batch) -> Mapping[str, torch.Tensor]:
    """The signals that came with the batch."""
    return batch.signals


def _shapes(
    teacher: Checkpoint, clips: TrainingClips, names: tuple[str, ...], grid: Grid | None
) -> dict[str, tuple[int, ...]]:
    images = to_input_batch(clips[0, 0].units[None], teacher.spec)
    return {
        name: tuple(value.shape[1:]) for name, value in teacher_outputs_of(teacher.model, images, names, grid).items()
    }


def _key(teacher: Checkpoint, clips: TrainingClips, grid: Grid | None) -> str:
    given = [
        _VERSION, teacher.spec.to_dict(), weights_digest(teacher.model), clips.material,
        to_plain(clips.settings.augment), clips.settings.seed, grid,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(given).encode()).hexdigest()[:16]


def _kind(name: str) -> str:
    return "<f4" if name == ANSWERS else "<f2"


def _place(folder: Path, view: int, name: str) -> Path:
    return folder / f"{view:03}.{name}.f{8 * int(_kind(name)[-1])}"


def _append(path: Path, records: NDArray[np.floating]) -> None:
    try:
        with path.open("ab") as file:
            file.write(records.tobytes())
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def _make_room(folder: Path, needed: int) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}; choose a folder that you can write to") from error
    if needed > free:
        raise OutputError(
            f"{folder}: the teacher's signals need {needed / 1e9:.1f} GB, and the disk has {free / 1e9:.1f} GB left; "
            "lower `views` in the recipe, name fewer blocks, or choose another --cache"
        )
