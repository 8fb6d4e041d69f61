"""Splits of songs in groups: whole groups, near the fractions, and different for each seed."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from sentio_mobile.data.songs import Song
from sentio_mobile.data.splits import cell_of, split_songs
from sentio_mobile.errors import DataError

SHARES = (0.6, 0.15, 0.25)


def library(sizes: list[int]) -> list[Song]:
    random = np.random.default_rng(0)
    return [
        Song(
            song_id=f"{group}-{i}",
            path=Path(),
            valence=random.uniform(-1, 1),
            arousal=random.uniform(-1, 1),
            group=f"g{group}",
        )
        for group, size in enumerate(sizes)
        for i in range(size)
    ]


def test_a_few_large_groups_are_split_near_the_fractions_and_by_the_seed() -> None:
    songs = library([40, 11, 10, 9, 9, 9, 8, 7, 7, 7, 6, 5, 3, 2, 2, 1, 1, 1])
    outcomes = {tuple(split_songs(songs, SHARES, seed)) for seed in range(5)}
    assert len(outcomes) >= 4
    for splits in outcomes:
        count = Counter(splits)
        for name, share in zip(("train", "val", "test"), SHARES, strict=True):
            assert abs(count[name] / len(songs) - share) < 0.05
        whole = {(song.group, split) for song, split in zip(songs, splits, strict=True)}
        assert len(whole) == 18


def test_every_cell_is_shared_out() -> None:
    songs = library([1] * 1000)
    splits = split_songs(songs, SHARES, 0)
    cells = np.array([cell_of(song) for song in songs])
    for name, share in zip(("train", "val", "test"), SHARES, strict=True):
        inside = np.bincount(cells[[split == name for split in splits]], minlength=25)
        assert np.abs(inside - share * np.bincount(cells, minlength=25)).max() < 2


def test_the_edge_of_the_square_is_inside_the_grid() -> None:
    corners = [
        Song(song_id="a", path=Path(), valence=v, arousal=a, group="a") for v in (-1.0, 1.0) for a in (-1.0, 1.0)
    ]
    assert [cell_of(song) for song in corners] == [0, 4, 20, 24]


def test_what_cannot_be_split_is_refused() -> None:
    with pytest.raises(DataError, match="10 songs in 1 groups leave"):
        split_songs(library([10]), SHARES, 0)
    with pytest.raises(DataError, match="sum to 1"):
        split_songs(library([1] * 50), (0.5, 0.5, 0.5), 0)
