"""Perturbed copies of training songs: further windows with the same labels, made once, and never evaluated."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace
from sentio_mobile.data import clips
from sentio_mobile.data.clip_table import SONGS, read_clip_rows
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.perturbed import CHANGES, changes_of
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.spec import AudioSpec

AUDIO = AudioSpec(seconds=1.0)
RECIPE = DataRecipe(scale="-1-1", windows=2, perturb=2, fractions=(0.4, 0.3, 0.3))


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("songs")
    random = np.random.default_rng(0)
    lines = ["path,valence_mean,arousal_mean"]
    for number in range(12):
        tone = np.sin(np.arange(4 * 8000) * (0.05 + 0.02 * number)) * 0.3
        soundfile.write(folder / f"{number}.wav", tone + 0.01 * random.standard_normal(len(tone)), 8000)
        lines.append(f"{number}.wav,{random.uniform(-1, 1):.2f},{random.uniform(-1, 1):.2f}")
    (folder / "songs.csv").write_text("\n".join(lines))
    return folder / "songs.csv"


@pytest.fixture(scope="module")
def perturbed(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    out = tmp_path_factory.mktemp("perturbed") / "data"
    prepare(manifest, out, recipe=RECIPE, audio=AUDIO)
    return open_data(out)


def test_prepare_perturb_gives_training_songs_alone_further_windows(perturbed: PreparedData) -> None:
    assert perturbed.split("train").windows.shape[1] == 2 * (1 + 2)
    assert perturbed.split("test").windows.shape[1] == 2
    assert perturbed.sheet.perturb == 2
    rows = read_clip_rows(perturbed.folder / SONGS)
    assert {row.split for row in rows if row.change} == {"train"}
    assert all(not row.change for row in rows if row.window < 2)
    copies = Counter((row.song_id, row.start) for row in rows if row.split == "train")
    assert set(copies.values()) == {3}


def test_prepare_perturb_copies_sound_different_and_keep_the_labels(perturbed: PreparedData) -> None:
    train = perturbed.split("train")
    for song, labels in zip(train.windows, train.window_labels, strict=True):
        assert len({perturbed.mels[row].tobytes() for row in song}) == len(song)
        assert (labels == labels[0]).all()
        clean = perturbed.mels[song[0]].astype(np.float32)
        assert all(0 < np.abs(perturbed.mels[row].astype(np.float32) - clean).mean() < 0.5 for row in song[1:])


def test_prepare_perturb_again_decodes_nothing(
    perturbed: PreparedData, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(clips, "decode", refuse)
    store = perturbed.store.folder.parent
    # Another split: songs that were test songs have to be perturbed, the others not.
    prepare(manifest, tmp_path / "same", recipe=RECIPE, audio=AUDIO, store=store)
    assert (tmp_path / "same" / SONGS).read_text() == (perturbed.folder / SONGS).read_text()


def test_prepare_folder_without_perturbed_copies_stays_readable(manifest: Path, tmp_path: Path) -> None:
    prepare(manifest, tmp_path / "data", recipe=replace(RECIPE, perturb=0), audio=AUDIO, progress=NoProgress())
    old = tmp_path / "songs.csv"
    text = (tmp_path / "data" / SONGS).read_text()
    old.write_text("\n".join(line.rsplit(",", 1)[0] for line in text.splitlines()))
    assert read_clip_rows(old) == read_clip_rows(tmp_path / "data" / SONGS)


def test_changes_of_a_song_are_different_drawn_and_repeatable() -> None:
    assert changes_of("a", 3, 0) == changes_of("a", 3, 0)
    drawn = [changes_of(str(song), 2, 0) for song in range(60)]
    assert all(len(set(names)) == 2 for names in drawn)
    assert {name for names in drawn for name in names} == set(CHANGES)
