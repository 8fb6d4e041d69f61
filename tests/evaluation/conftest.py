"""Songs with planted predictions, and a trained teacher."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.metrics.bootstrap import Resampling, resample
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.teacher.train import train_teacher


@dataclass(frozen=True)
class Planted:
    """Labels of 120 songs, predictions with small and with large errors, and bootstrap weights."""

    truth: NDArray[np.float32]
    good: NDArray[np.float32]
    bad: NDArray[np.float32]
    resampling: Resampling

    def __len__(self) -> int:
        return len(self.truth)


@pytest.fixture(scope="session")
def planted() -> Planted:
    random = np.random.default_rng(0)
    truth = random.uniform(-0.9, 0.9, (120, 2)).astype(np.float32)
    good, bad = (truth + random.normal(0, sd, truth.shape) for sd in (0.1, 0.6))
    return Planted(truth, good.astype(np.float32), np.clip(bad, -1, 1).astype(np.float32), resample(len(truth), seed=0))


@pytest.fixture(scope="session")
def teacher(data: PreparedData, tiny_teacher: TeacherRecipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small teacher, trained on the session's songs."""
    folder = tmp_path_factory.mktemp("teacher") / "ckpt"
    train_teacher(data, tiny_teacher, out=folder)
    return folder
