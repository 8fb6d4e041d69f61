"""Splits of songs: drawn by a seed in whole groups near the fractions, or read from a list."""

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from sentio_mobile.cli import main
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.data.songs import Song
from sentio_mobile.data.splits import cell_of, read_splits, split_songs
from sentio_mobile.errors import DataError, LabelError

SHARES = (0.6, 0.15, 0.25)
IDS = {"train": ["1", "2", "3", "4"], "val": ["5", "6", "7"], "test": ["8", "9", "10"]}


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


def test_split_songs_of_large_groups_is_near_the_fractions_and_by_the_seed() -> None:
    songs = library([40, 11, 10, 9, 9, 9, 8, 7, 7, 7, 6, 5, 3, 2, 2, 1, 1, 1])
    outcomes = {tuple(split_songs(songs, SHARES, seed)) for seed in range(5)}
    assert len(outcomes) >= 4
    for splits in outcomes:
        count = Counter(splits)
        for name, share in zip(("train", "val", "test"), SHARES, strict=True):
            assert abs(count[name] / len(songs) - share) < 0.05
        whole = {(song.group, split) for song, split in zip(songs, splits, strict=True)}
        assert len(whole) == 18


def test_split_songs_shares_every_cell() -> None:
    songs = library([1] * 1000)
    splits = split_songs(songs, SHARES, 0)
    cells = np.array([cell_of(song) for song in songs])
    for name, share in zip(("train", "val", "test"), SHARES, strict=True):
        inside = np.bincount(cells[[split == name for split in splits]], minlength=25)
        assert np.abs(inside - share * np.bincount(cells, minlength=25)).max() < 2


def test_cell_of_the_edge_is_inside_the_grid() -> None:
    corners = [
        Song(song_id="a", path=Path(), valence=v, arousal=a, group="a") for v in (-1.0, 1.0) for a in (-1.0, 1.0)
    ]
    assert [cell_of(song) for song in corners] == [0, 4, 20, 24]


def test_split_songs_refuses_too_few_groups_and_wrong_fractions() -> None:
    with pytest.raises(DataError, match="10 songs in 1 groups leave"):
        split_songs(library([10]), SHARES, 0)
    with pytest.raises(DataError, match="sum to 1"):
        split_songs(library([1] * 50), (0.5, 0.5, 0.5), 0)


def lists(folder: Path, ids: dict[str, list[str]]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, songs in ids.items():
        (folder / f"{name}.txt").write_text("\n".join(songs) + "\n\n")
    return folder


def named_songs(*ids: str) -> list[Song]:
    return [Song(song_id=name, path=Path(), valence=0.0, arousal=0.0, group=name) for name in ids]


def test_read_splits_of_a_study_selects_its_songs(tmp_path: Path) -> None:
    split_list = read_splits(lists(tmp_path / "split", IDS))
    listed, notes = split_list.select(named_songs(*map(str, range(2, 13))))
    assert [song.song_id for song in listed] == [str(i) for i in range(2, 11)]
    assert notes == [
        "2 songs have no split and are left out, such as 11, 12",
        "1 listed songs are not there, such as 1",
    ]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"test": ["8", "9", "1"]}, "test.txt, line 3: song '1' is in train and in test"),
        ({"train": [], "val": [], "test": []}, "lists no song"),
    ],
)
def test_read_splits_refuses_wrong_lists_in_one_line(tmp_path: Path, change: dict[str, list[str]], fault: str) -> None:
    with pytest.raises(LabelError, match=fault):
        read_splits(lists(tmp_path / "split", {**IDS, **change}))


def test_read_splits_names_a_missing_list_and_an_unknown_split(tmp_path: Path) -> None:
    folder = lists(tmp_path / "split", IDS)
    (folder / "val.txt").unlink()
    with pytest.raises(LabelError, match=r"val.txt: cannot be read"):
        read_splits(folder)
    (tmp_path / "splits.csv").write_text("song_id,split\n1,training\n")
    with pytest.raises(LabelError, match="row 2: 'training' is no split; write train, val, test"):
        read_splits(tmp_path / "splits.csv")


def test_select_without_a_match_shows_ids_of_both_sides(tmp_path: Path) -> None:
    split_list = read_splits(lists(tmp_path / "split", IDS))
    with pytest.raises(DataError, match="its ids are such as '1', those of the songs such as 'a1'"):
        split_list.select(named_songs("a1", "a2"))


def test_prepare_takes_the_splits_of_another_folder(data: PreparedData, deam: Path, tmp_path: Path) -> None:
    with (data.folder / "songs.csv").open() as file:
        wanted = {row["song_id"]: row["split"] for row in csv.DictReader(file)}
    dropped = data.split("train").song_ids[0]
    rows = [f"{song},{split}" for song, split in wanted.items() if song != dropped]
    (tmp_path / "splits.csv").write_text("song_id,split\n" + "\n".join(rows) + "\n")
    arguments = ["data", "prepare", deam, "--splits", tmp_path / "splits.csv", "--seed", "9", "--out", tmp_path / "out"]
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    assert f"1 songs have no split and are left out, such as {dropped}" in result.output
    again = open_data(tmp_path / "out")
    assert {song: name for name, split in again.splits.items() for song in split.song_ids} == {
        song: split for song, split in wanted.items() if song != dropped
    }
    sheet = json.loads((tmp_path / "out" / "data.json").read_text())
    assert (sheet["split_list"], sheet["split_seed"]) == ("splits.csv", None)


def test_prepare_refuses_splits_for_songs_without_labels(deam: Path, tmp_path: Path) -> None:
    split_list = str(lists(tmp_path / "split", IDS))
    music = next(path.parent for path in deam.rglob("*.wav"))
    arguments = ["data", "prepare", str(music), "--splits", split_list, "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "songs without labels have no splits" in result.output
    assert not (tmp_path / "out").exists()
