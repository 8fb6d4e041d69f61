"""From labelled audio to a prepared folder, and everything about it that can be wrong."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sentio_mobile.audio.decode import decode, fit
from sentio_mobile.audio.frontend import unit_of_clip
from sentio_mobile.data.check import check_data
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.errors import DataError, LabelError, OutputError
from sentio_mobile.recipes import DataRecipe
from sentio_mobile.spec import AudioSpec

SHORT = AudioSpec(seconds=1.0)
FEW = (0.6, 0.2, 0.2)


def library(folder: Path, songs: int, header: str = "path,valence_mean,arousal_mean,group") -> Path:
    """A manifest of noises."""
    rng = np.random.default_rng(0)
    lines = [header]
    for i in range(songs):
        soundfile.write(folder / f"{i}.wav", 0.1 * rng.standard_normal(22050), 22050)
        lines.append(f"{i}.wav,{1 + i % 9},{9 - i % 7},game {i // 2}")
    manifest = folder / "songs.csv"
    manifest.write_text("\n".join(lines) + "\n")
    return manifest


def test_deam_is_read_whole_and_labels_are_on_the_unit_scale(data: PreparedData, deam: Path) -> None:
    assert data.sheet["labels"] == "generated"
    assert sum(len(split) for split in data.splits.values()) == 40
    table = next(deam.rglob("*1_2000.csv")).read_text().splitlines()
    first = dict(zip(["id", "v", "vs", "a", "as"], map(float, table[1].split(",")), strict=True))
    for split in data.splits.values():
        if str(int(first["id"])) in split.song_ids:
            label = split.labels[split.song_ids.index(str(int(first["id"])))]
            np.testing.assert_allclose(label, [(first["v"] - 5) / 4, (first["a"] - 5) / 4], atol=1e-5)
            return
    raise AssertionError("the first song is in no split")


def test_the_store_holds_the_reference_log_mel(data: PreparedData, deam: Path) -> None:
    split = data.splits["test"]
    audio = next(deam.rglob(f"{split.song_ids[0]}.wav"))
    pcm = decode(audio, data.audio.sample_rate)
    wanted = unit_of_clip(fit(pcm, data.audio), data.audio)
    np.testing.assert_allclose(data.mels[split.rows[0]], wanted, atol=5e-4)


def test_check_finds_nothing_in_good_data_and_a_planted_leak_and_nan(data: PreparedData, tmp_path: Path) -> None:
    assert check_data(data).faults == ()
    folder = tmp_path / "spoilt"
    shutil.copytree(data.folder, folder)
    songs = folder / "songs.csv"
    leaked, dead = data.splits["test"].song_ids[0], data.splits["train"].song_ids[0]
    text = songs.read_text().replace(f"\n{dead},", "\ndead,", 1)
    text = text.replace(f",test,{leaked},", f",test,{data.splits['train'].groups[1]},", 1)
    songs.write_text(text)
    mels = np.load(folder / "mels.npy", mmap_mode="r+")
    mels[data.splits["train"].rows[0]] = np.nan
    mels.flush()
    faults = "\n".join(check_data(open_data(folder)).faults)
    assert "a leak" in faults
    assert "'dead' has spectrogram values that are not numbers" in faults


def test_groups_stay_together_and_every_split_has_songs(tmp_path: Path) -> None:
    manifest = library(tmp_path, 60)
    assert prepare(manifest, tmp_path / "out", DataRecipe(), SHORT) == []
    data = open_data(tmp_path / "out")
    groups = [set(split.groups) for split in data.splits.values()]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]
    sizes = [len(split) for split in data.splits.values()]
    assert abs(sizes[0] - 48) <= 2
    assert abs(sizes[1] - 6) <= 2
    assert sum(sizes) == 60


def test_the_same_seed_gives_the_same_split_and_another_seed_another(tmp_path: Path) -> None:
    manifest = library(tmp_path, 40)
    texts = []
    for i, seed in enumerate((0, 0, 1)):
        prepare(manifest, tmp_path / f"out{i}", DataRecipe(seed=seed), SHORT)
        texts.append((tmp_path / f"out{i}" / "songs.csv").read_text())
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


def test_a_few_corrupt_clips_are_skipped_and_named(tmp_path: Path) -> None:
    manifest = library(tmp_path, 40)
    (tmp_path / "7.wav").write_bytes(b"not audio")
    (tmp_path / "9.wav").unlink()
    skipped = prepare(manifest, tmp_path / "out", DataRecipe(), SHORT)
    assert len(skipped) == 2
    assert "7.wav" in skipped[0]
    assert "9.wav" in skipped[1]
    sheet = json.loads((tmp_path / "out" / "data.json").read_text())
    assert sheet["skipped"] == skipped
    assert sum(sheet["songs"].values()) == 38


def test_more_than_five_percent_corrupt_stops_and_leaves_nothing(tmp_path: Path) -> None:
    manifest = library(tmp_path, 40)
    for i in range(3):
        (tmp_path / f"{i}.wav").write_bytes(b"not audio")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DataError, match="3 of 40 clips are unusable, more than 5%"):
        prepare(manifest, tmp_path / "out", DataRecipe(), SHORT)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("path,valence,arousal_mean\na.wav,5,5\n", "no column 'valence_mean'"),
        ("path,valence_mean,arousal_mean\na.wav,5,11\n", "row 2, arousal_mean: 11 is off the scale 1 to 9"),
        ("path,valence_mean,arousal_mean\na.wav,high,5\n", "'high' is not a number"),
        ("path,valence_mean,arousal_mean\na.wav,nan,5\n", "nan is off the scale"),
        ("path,valence_mean,arousal_mean\na.wav,5\n", "row 2: has 2 values for 3 columns"),
        ("path,valence_mean,arousal_mean\na.wav,5,5\na.wav,5,5\n", "'a' stands in the file twice"),
        ("path,valence_mean,arousal_mean\n", "no rows"),
        ("", "no column 'path'"),
    ],
)
def test_wrong_manifests_are_refused_in_one_line(tmp_path: Path, text: str, fault: str) -> None:
    manifest = tmp_path / "songs.csv"
    manifest.write_text(text)
    with pytest.raises(LabelError, match=fault) as caught:
        prepare(manifest, tmp_path / "out", DataRecipe(), SHORT)
    assert str(manifest) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_manifest_in_utf16_and_a_folder_that_is_not_deam_are_refused(tmp_path: Path) -> None:
    (tmp_path / "songs.csv").write_text("path,valence_mean\n", encoding="utf-16")
    with pytest.raises(LabelError, match="no CSV in UTF-8"):
        prepare(tmp_path / "songs.csv", tmp_path / "out", DataRecipe(), SHORT)
    with pytest.raises(LabelError, match="not laid out as DEAM"):
        prepare(tmp_path, tmp_path / "out", DataRecipe(), SHORT)


def test_unit_scale_labels_are_taken_as_they_are(tmp_path: Path) -> None:
    manifest = library(tmp_path, 30)
    rows = manifest.read_text().splitlines()
    scaled = [rows[0]] + [f"{i}.wav,{i / 15 - 1:.3f},{1 - i / 15:.3f},g{i}" for i in range(30)]
    manifest.write_text("\n".join(scaled))
    prepare(manifest, tmp_path / "out", DataRecipe(scale="-1-1", fractions=FEW), SHORT)
    labels = np.concatenate([split.labels for split in open_data(tmp_path / "out").splits.values()])
    assert labels[:, 0].min() == -1
    np.testing.assert_allclose(labels[:, 0], -labels[:, 1], atol=1e-6)


def test_the_middle_window_is_the_middle(tmp_path: Path) -> None:
    manifest = library(tmp_path, 30)
    pcm = np.concatenate([np.zeros(22050), 0.5 * np.sin(np.arange(22050)), np.zeros(22050)])
    soundfile.write(tmp_path / "0.wav", pcm, 22050)
    for window in ("start", "middle"):
        prepare(manifest, tmp_path / window, DataRecipe(window=window, fractions=FEW), SHORT)
    start, middle = (open_data(tmp_path / window).mels[0] for window in ("start", "middle"))
    assert start[:, :40].max() == 0
    assert middle[:, :40].max() > 0.9


def test_an_existing_folder_is_left_alone_and_damage_is_found(tmp_path: Path) -> None:
    manifest = library(tmp_path, 30)
    prepare(manifest, tmp_path / "out", DataRecipe(fractions=FEW), SHORT)
    with pytest.raises(OutputError, match="exists already"):
        prepare(manifest, tmp_path / "out", DataRecipe(fractions=FEW), SHORT)
    mels = tmp_path / "out" / "mels.npy"
    mels.write_bytes(mels.read_bytes()[:1000])
    with pytest.raises(DataError, match="prepare it again"):
        open_data(tmp_path / "out")
    with pytest.raises(DataError, match="no prepared data"):
        open_data(tmp_path)
