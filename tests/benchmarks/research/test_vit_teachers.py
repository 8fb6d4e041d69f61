"""Teachers that learn embeddings beside labels: one fold in small, and what was given without music for it."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import sentio_mobile
from sentio_mobile._internal.records import read_record


@pytest.fixture
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("vit_teachers")


@pytest.fixture
def arguments(songs_csv: Path, tmp_path: Path) -> list[str]:
    """The command for one fold of a tiny ViT."""
    prepared = sentio_mobile.prepare(songs_csv, out=tmp_path / "data", fractions=(0.6, 0.2, 0.2))
    sentio_mobile.embed([(prepared, tmp_path)], out=tmp_path / "e.safetensors", encoder="loudness", workers=1)
    (tmp_path / "vit.toml").write_text(
        "[model]\nlayers = 1\nheads = 2\nwidth = 32\nmlp_width = 32\nhead_widths = [16]\nhead_dropout = [0.0, 0.0]\n"
        "[training]\nepochs = 1\nbatch_size = 4\nlearning_rate = 0.001\n"
    )
    files = {"songs": "songs.csv", "data": "data", "embeddings": "e.safetensors", "recipe": "vit.toml"}
    command = [str(tmp_path / "out"), "--folds", "2", "--only", "0", "--steps", "4"]
    return command + [text for option, name in files.items() for text in (f"--{option}", str(tmp_path / name))]


@pytest.mark.exhaustive
@pytest.mark.usefixtures("loudness_encoder")
def test_one_fold_from_songs_to_record(script: ModuleType, arguments: list[str], tmp_path: Path) -> None:
    script.main([*arguments, "--arms", "labels", "embeddings"])
    record = read_record(script.VitTeachers, tmp_path / "out" / "record.json")
    assert (record.songs, set(record.arms)) == (10, {"labels", "embeddings"})
    assert record.arms["labels"].more_than_first is None
    gain = record.arms["embeddings"].more_than_first["ccc"].value
    figures = {arm: record.arms[arm].figures["ccc"].value for arm in ("labels", "embeddings")}
    assert gain == pytest.approx(figures["embeddings"] - figures["labels"])
    assert len(record.arms["labels"].history) == 2  # two epochs of two steps


@pytest.mark.usefixtures("loudness_encoder")
def test_music_without_labels_must_be_given(script: ModuleType, arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="the arm music needs --unlabelled"):
        script.main(arguments)
