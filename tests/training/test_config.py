"""How long training takes: in epochs, or in steps."""

from pathlib import Path

import pytest

from sentio_mobile._internal.records import replace
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import RecordError
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.teacher.train import train_teacher
from sentio_mobile.training.config import TrainingSettings

BY_STEPS = TrainingSettings(steps=100, batch_size=8, learning_rate=1e-3)


@pytest.mark.parametrize(
    ("clips", "accumulate", "epochs"),
    [(80, 1, 10), (87, 1, 10), (88, 1, 10), (8, 1, 100), (80, 4, 34), (4, 1, 100), (80_000, 1, 1)],
)
def test_epochs_for_steps(clips: int, accumulate: int, epochs: int) -> None:
    assert replace(BY_STEPS, accumulate=accumulate).epochs_for(clips) == epochs
    assert replace(BY_STEPS, steps=0, epochs=7).epochs_for(clips) == 7


@pytest.mark.parametrize("changes", [{"epochs": 3}, {"steps": 0}])
def test_training_lasts_for_epochs_or_for_steps(changes: dict[str, int]) -> None:
    with pytest.raises(RecordError, match="'epochs' or 'steps' must be above 0, and the other one left out"):
        replace(BY_STEPS, **changes)


def test_training_by_steps_ends_after_a_whole_epoch(
    data: PreparedData, tiny_teacher: TeacherRecipe, tmp_path: Path
) -> None:
    assert len(data.split("train")) // tiny_teacher.training.batch_size == 3
    by_steps = replace(tiny_teacher, training=replace(tiny_teacher.training, epochs=0, steps=4))
    assert len(train_teacher(data, by_steps, out=tmp_path / "teacher").history) == 2
