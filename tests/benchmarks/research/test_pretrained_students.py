"""The cross-validation of students: what is compared, how perturbed songs sound, and one run in small."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from probes import toy_info

from sentio_mobile._internal.records import read_record, write_record
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.models.encoders.clip_embeddings import write_clip_embeddings
from sentio_mobile.spec import AudioSpec

NAMES = ("pretrained_students", "pretrained_students_figures", "pretrained_students_sounds")


@pytest.fixture
def scripts(load_script: Callable[[str], ModuleType]) -> dict[str, ModuleType]:
    """The three scripts, by the last word of their name."""
    return {name.rpartition("_")[2]: load_script(name) for name in NAMES}


def test_compare_pairs_songs_and_keeps_to_one_sound(scripts: dict[str, ModuleType]) -> None:
    random = np.random.default_rng(0)
    labels = random.uniform(-0.8, 0.8, (60, 2)).astype(np.float32)
    high, groups = labels > 0, [str(i // 2) for i in range(60)]

    def heard(noise: float, seed: int) -> np.ndarray:
        return (labels + np.random.default_rng(seed).normal(0, noise, labels.shape)).astype(np.float32)

    found = {
        "probe": [heard(0.1, 1)],
        "student": [heard(0.2, 2), heard(0.2, 3)],
        "student, on noise 30 dB": [heard(0.5, 4), heard(0.5, 5)],
        "regression, ridge": [heard(0.6, 6)],
        "regression, svr": [heard(0.4, 7)],
        "regression, ridge, on font": [heard(0.3, 8)],
        "student, on font": [heard(0.2, 9)],
    }
    models, best = scripts["figures"].compare(labels, high, groups=groups, found=found, others={"before": found})
    assert best == {"the sound of training": "regression, svr", "font": "regression, ridge, on font"}
    student, noisy = models["student"], models["student, on noise 30 dB"]
    assert student.kept is None
    assert len(student.ccc_by_seed) == 2
    assert student.figures["ccc"].value == pytest.approx(np.mean(student.ccc_by_seed))
    assert noisy.kept.value == pytest.approx(noisy.figures["ccc"].value / student.figures["ccc"].value)
    assert noisy.kept.high < 0.95
    gain = student.more_than["best regression"]["ccc"]
    svr = models["regression, svr"].figures["ccc"].value
    assert gain.value == pytest.approx(student.figures["ccc"].value - svr)
    assert gain.low > 0
    # There is no regression on the noisy sound, and a run is never better than itself.
    assert set(noisy.more_than) == {"before"}
    assert all(change.value == change.high == 0 for change in noisy.more_than["before"].values())
    assert models["student, on font"].more_than["best regression"]["ccc"].value < gain.value


def test_perturbed_sounds_are_those_of_the_test_songs(
    scripts: dict[str, ModuleType], data: PreparedData, deam: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sounds, clean = scripts["sounds"], np.asarray(data.mels[data.split("test").rows], dtype=np.float32)
    monkeypatch.setattr(sounds, "TESTED_CHANGES", ("noise 30 dB",))
    ((name, noisy),) = sounds.perturbed_sounds(data, deam, tmp_path / "out")
    assert (name, noisy.shape) == ("noise 30 dB", clean.shape)
    difference = np.abs(np.asarray(noisy, dtype=np.float32) - clean).mean(axis=(1, 2))
    assert (difference > 1e-3).all()
    # Nearest to each song's own clip, so that no song was mistaken for another.
    nearest = [int(np.argmin([np.abs(one - other).mean() for other in clean])) for one in noisy.astype(np.float32)]
    assert nearest == list(range(len(clean)))
    written = next((tmp_path / "out").iterdir()).stat().st_mtime_ns
    list(sounds.perturbed_sounds(data, deam, tmp_path / "out"))
    assert next((tmp_path / "out").iterdir()).stat().st_mtime_ns == written


def test_regressions_learn_and_stretch(scripts: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    sounds, random = scripts["sounds"], np.random.default_rng(0)
    monkeypatch.setattr(sounds, "REGRESSIONS", sounds.REGRESSIONS[:2])
    labels = random.uniform(-0.8, 0.8, (80, 2)).astype(np.float32)
    features = random.normal(size=(80, 164)).astype(np.float32)
    features[:, :2] += 10 * labels
    songs = sounds.Songs(
        ids=[str(i) for i in range(80)], groups=[str(i // 2) for i in range(80)], labels=labels, high=labels > 0
    )
    train, test = np.arange(60), np.arange(60, 80)
    found = sounds.train_regressions(features, songs, train=train, tests={"": features[test]}, seed=0)
    assert list(found) == ["regression, ridge", "regression, ridge, stretched"]
    plain, stretched = found.values()
    assert np.corrcoef(plain[:, 1], labels[test, 1])[0, 1] > 0.3
    assert stretched.std() > 1.2 * plain.std()


def test_other_sounds_need_name_and_folder(scripts: dict[str, ModuleType]) -> None:
    with pytest.raises(SystemExit, match="--also takes NAME PREPARED"):
        scripts["students"].other_sounds([["font"]])


@pytest.mark.exhaustive
def test_one_fold_from_table_to_record(scripts: dict[str, ModuleType], songs_csv: Path, tmp_path: Path) -> None:
    recipe = DataRecipe(fractions=(0.6, 0.2, 0.2))
    prepare(songs_csv, tmp_path / "data", recipe=recipe, audio=AudioSpec())
    clips = open_data(tmp_path / "data").store.checksums
    values = np.random.default_rng(0).normal(size=(len(clips), 4, 6))
    write_clip_embeddings(tmp_path / "embeddings.safetensors", info=toy_info(), checksums=clips, embeddings=values)
    (tmp_path / "recipe.toml").write_text(
        "image_size = [64, 64]\nviews = 0\n[model]\narchitecture = 'mobilevit'\nstem_widths = [8, 16, 32]\nlayers = 1\n"
        "heads = 2\nhead_width = 16\nwidth = 32\nmlp_width = 64\noutput_width = 32\n"
        "[training]\nepochs = 0\nsteps = 4\nbatch_size = 4\nlearning_rate = 0.001\nkeep = 'last'\n"
    )
    names = {"--songs": "songs.csv", "--data": "data", "--embeddings": "embeddings.safetensors"}
    arguments = [text for option, name in names.items() for text in (option, str(tmp_path / name))]
    arguments += ["--recipe", str(tmp_path / "recipe.toml"), "--start", "random", "--precision", "fp32"]
    arguments += ["--folds", "2", "--only", "0", "--robustness", "--regressions"]
    arguments += ["--also", "font", str(tmp_path / "data"), str(tmp_path)]
    scripts["students"].main([str(tmp_path / "out"), *arguments])
    record = read_record(scripts["figures"].CrossValidation, tmp_path / "out" / "record.json")
    assert record.songs == 10
    assert record.models["student, on font"].figures == record.models["student"].figures
    assert record.models["student, on noise 30 dB"].figures != record.models["student"].figures
    assert {name for name in record.models if name.startswith("student")} == {
        "student", "student, on font", *(f"student, on {name}" for name in scripts["sounds"].TESTED_CHANGES)
    }  # fmt: skip
    assert set(record.best_regression) == {"the sound of training", "font"}
    write_record(tmp_path / "again.json", record)
    assert json.loads((tmp_path / "again.json").read_text())["models"]
