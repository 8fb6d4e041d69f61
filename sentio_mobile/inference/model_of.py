"""Which model a folder stands for: what a run has made so far, or a training that is under way."""

from __future__ import annotations

from pathlib import Path

from sentio_mobile._internal.files import is_file
from sentio_mobile.bundle.manifest import MANIFEST
from sentio_mobile.inference.teacher_model import is_teacher

TRAINING_SPEC = "spec.json"
"""The file by which the folder of a training is known."""

_MADE_BY_A_RUN = ("bundle", "student", "teacher/probe", "teacher")
"""What a run makes, the best first."""


def finished_model(place: Path, scratch: Path) -> tuple[Path, str]:
    """The model that a place stands for.

    Args:
        place: What was given as a model.
        scratch: A folder for a copy of a training's weights, which must be there for as long as the model is used.

    Returns:
        A bundle, a checkpoint or a probe, and what the user should know; `place` itself where it stands for no other.

    Raises:
        CheckpointError: It is a training of which no epoch is complete.
    """
    found = _found(place)
    if found is None:
        return place, ""
    if not is_file(found / TRAINING_SPEC):
        return found, f"{place} stands for {found}"
    from sentio_mobile.training.best_so_far import save_best_so_far

    best = save_best_so_far(found, scratch / "checkpoint")
    return scratch / "checkpoint", f"{found} is a training that is not over; this is {best}"


def _found(place: Path) -> Path | None:
    """A model, or the folder of a training, that is not this place itself."""
    if _is_model(place):
        return None
    if training := _training_of(place):
        return training
    for inside in (place / name for name in _MADE_BY_A_RUN):
        if _is_model(inside):
            return inside
        if training := _training_of(inside):
            return training
    return None


def _training_of(place: Path) -> Path | None:
    beside = place.with_name(f"{place.name}.training") if place.name else place
    return next((folder for folder in (place, beside) if is_file(folder / TRAINING_SPEC)), None)


def _is_model(place: Path) -> bool:
    return is_file(place / MANIFEST) or is_teacher(place)
