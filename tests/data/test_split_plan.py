"""Which songs a model is trained on, and which it is judged by."""

from pathlib import Path

import numpy as np
import pytest

from sentio_mobile._internal.records import replace
from sentio_mobile.data.songs import Song
from sentio_mobile.data.split_plan import plan_splits
from sentio_mobile.errors import DataError


def library(count: int, per_group: int = 4) -> list[Song]:
    random = np.random.default_rng(0)
    return [
        Song(
            song_id=str(i),
            path=Path(),
            valence=random.uniform(-1, 1),
            arousal=random.uniform(-1, 1),
            group=f"g{i // per_group}",
        )
        for i in range(count)
    ]


def test_plan_of_few_songs_tests_each_once_and_trains_on_all() -> None:
    songs = library(120)
    plan = plan_splits(songs, where="songs.csv")
    assert set(plan.final.values()) == {"train"}
    assert len(plan.folds) == 5
    tested = [song for fold in plan.folds for song, split in fold.items() if split == "test"]
    assert sorted(tested) == sorted(song.song_id for song in songs)
    for fold in plan.folds:
        assert 0.1 <= list(fold.values()).count("test") / 120 <= 0.3
        groups = {(song.group, fold[song.song_id]) for song in songs}
        assert len(groups) == 30


@pytest.mark.parametrize(("count", "test", "val"), [(600, 0.2, 0.0), (1200, 0.15, 0.1)])
def test_plan_of_many_songs_has_validation_songs_only_if_they_are_enough(count: int, test: float, val: float) -> None:
    plan = plan_splits(library(count), where="songs.csv")
    assert plan.folds == ()
    assert plan.count("test") / count == pytest.approx(test, abs=0.02)
    assert plan.count("val") / count == pytest.approx(val, abs=0.02)


def test_plan_refuses_songs_that_teach_or_test_nothing() -> None:
    with pytest.raises(DataError, match=r"songs\.csv: has 12 labelled songs, and training needs 20; add songs"):
        plan_splits(library(12), where="songs.csv")
    with pytest.raises(DataError, match="songs of 3 groups, and a cross-validation in 5 folds needs 5"):
        plan_splits(library(24, per_group=8), where="songs.csv")
    alike = [replace(song, arousal=0.5) for song in library(24)]
    with pytest.raises(DataError, match=r"all songs have the arousal \+0\.50, and nothing can be learned"):
        plan_splits(alike, where="songs.csv")
