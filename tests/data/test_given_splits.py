"""Splits that others have fixed are taken as they are, and what does not fit is said."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sentio_mobile.cli import main
from sentio_mobile.data.given_splits import read_splits
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.data.songs import Song
from sentio_mobile.errors import DataError, LabelError

IDS = {"train": ["1", "2", "3", "4"], "val": ["5", "6", "7"], "test": ["8", "9", "10"]}


def lists(folder: Path, ids: dict[str, list[str]]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, songs in ids.items():
        (folder / f"{name}.txt").write_text("\n".join(songs) + "\n\n")
    return folder


def songs(*ids: str) -> list[Song]:
    return [Song(song_id=name, path=Path(), valence=0.0, arousal=0.0, group=name) for name in ids]


def test_lists_of_a_study_are_read(tmp_path: Path) -> None:
    given = read_splits(lists(tmp_path / "split", IDS))
    kept, notes = given.apply(songs(*map(str, range(2, 13))))
    assert [song.song_id for song in kept] == [str(i) for i in range(2, 11)]
    assert notes == [
        "2 songs have no split and are left out, such as 11, 12",
        "1 listed songs are not there, such as 1",
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"test": ["8", "9", "1"]}, "test.txt, line 3: song '1' is in train and in test"),
        ({"train": [], "val": [], "test": []}, "lists no song"),
    ],
)
def test_wrong_lists_are_one_line(tmp_path: Path, change: dict[str, list[str]], said: str) -> None:
    with pytest.raises(LabelError, match=said):
        read_splits(lists(tmp_path / "split", {**IDS, **change}))


def test_a_missing_list_and_an_unknown_split_are_named(tmp_path: Path) -> None:
    folder = lists(tmp_path / "split", IDS)
    (folder / "val.txt").unlink()
    with pytest.raises(LabelError, match=r"val.txt: cannot be read"):
        read_splits(folder)
    (tmp_path / "splits.csv").write_text("song_id,split\n1,training\n")
    with pytest.raises(LabelError, match="row 2: 'training' is no split; write train, val, test"):
        read_splits(tmp_path / "splits.csv")


def test_ids_that_fit_no_song_are_shown_beside_those_that_there_are(tmp_path: Path) -> None:
    given = read_splits(lists(tmp_path / "split", IDS))
    with pytest.raises(DataError, match="its ids are such as '1', those of the songs such as 'a1'"):
        given.apply(songs("a1", "a2"))


def test_songs_are_prepared_with_the_splits_of_another_folder(data: PreparedData, deam: Path, tmp_path: Path) -> None:
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


def test_songs_without_labels_have_no_splits(deam: Path, tmp_path: Path) -> None:
    given = str(lists(tmp_path / "split", IDS))
    music = next(path.parent for path in deam.rglob("*.wav"))
    arguments = ["data", "prepare", str(music), "--splits", given, "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "songs without labels have no splits" in result.output
    assert not (tmp_path / "out").exists()
