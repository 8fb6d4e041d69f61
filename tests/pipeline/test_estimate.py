"""What a training is expected to be worth, from predictions for songs that were left out."""

from pathlib import Path

import numpy as np
import pytest

from sentio_mobile._internal.records import write_record
from sentio_mobile.errors import DataError, RecordError
from sentio_mobile.metrics.agreement import ccc
from sentio_mobile.pipeline.estimate import ESTIMATE, HeldOut, Schooling, estimate_of, join_held_out, read_estimate

JUDGED, KEPT = Schooling(songs=12, steps=600), Schooling(songs=24, steps=2400)


def part(number: int, songs: int = 12, int8: bool = True) -> HeldOut:
    random = np.random.default_rng(number)
    truth = random.uniform(-1, 1, (songs, 2))

    def near(noise: float) -> tuple[tuple[float, float], ...]:
        values = np.clip(truth + noise * random.standard_normal(truth.shape), -1, 1)
        return tuple((float(v), float(a)) for v, a in values)

    return HeldOut(
        songs=tuple(f"{number}-{i}" for i in range(songs)),
        groups=tuple(f"{number}-g{i // 3}" for i in range(songs)),
        truth=near(0),
        teacher=near(0.1),
        student=near(0.3),
        int8=near(0.3) if int8 else None,
    )


def test_estimate_is_over_all_folds_together_and_over_groups(tmp_path: Path) -> None:
    joined = join_held_out([part(0), part(1)])
    found = estimate_of(joined, "cross-validation", models=2, judged=JUDGED, kept=KEPT, seed=0)
    expected = ccc(np.array(joined.truth), np.array(joined.student)).mean()
    assert found.student.ccc["mean"].value == pytest.approx(expected, abs=1e-6)
    assert (found.student.n, found.student.bootstrap.over) == (24, "groups")
    assert list(found.rows) == ["teacher, out of fold", "student, out of fold", "student int8, out of fold"]
    assert found.retention is not None
    assert found.retention.value is not None
    assert 0.7 < found.retention.value < 1
    assert found.schooling == (
        "judged: 2 models that learned from 12 labelled songs in 600 steps each; kept: one that learns from 24 "
        "labelled songs in 2,400 steps"
    )
    write_record(tmp_path / ESTIMATE, found)
    assert read_estimate(tmp_path) == found


def test_estimate_leaves_out_what_a_fold_lacks() -> None:
    joined = join_held_out([part(0), part(1, int8=False)])
    found = estimate_of(joined, "cross-validation", models=2, judged=JUDGED, kept=KEPT, seed=0)
    assert found.int8 is None
    assert found.teacher is not None


def test_held_out_songs_must_all_have_predictions() -> None:
    whole = part(0)
    with pytest.raises(RecordError, match="student must have a value for each of 12 songs"):
        HeldOut(
            songs=whole.songs,
            groups=whole.groups,
            truth=whole.truth,
            teacher=None,
            student=whole.student[1:],
            int8=None,
        )


def test_missing_estimate_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"estimate\.json"):
        read_estimate(tmp_path)
