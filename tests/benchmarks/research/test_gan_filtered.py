"""GAN samples that a probe judged: which candidate is kept, what counts as near to the songs, and one fold in small."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import sentio_mobile
from sentio_mobile._internal.records import read_record
from sentio_mobile.data.gan_samples import open_gan_samples


@pytest.fixture
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("gan_filtered")


def test_the_candidate_nearest_to_its_label_is_kept_unless_it_is_far_from_music(script: ModuleType) -> None:
    labels = np.array([[0.5, 0.5], [-0.5, 0.0]], dtype=np.float32)
    predicted = np.array([[[0, 0], [0.4, 0.5], [0.5, 0.5]], [[-0.5, 0], [0.5, 0], [0, 0]]], dtype=np.float32)
    near, far = np.ones((2, 3), dtype=np.float32), np.ones((2, 3), dtype=np.float32)
    assert script.choose(labels, script.Heard(predicted, near), 2.0).tolist() == [2, 0]
    far[0, 2] = 3
    assert script.choose(labels, script.Heard(predicted, far), 2.0).tolist() == [1, 0]
    # Where none is near, the nearest to the label is kept all the same: both arms have as many samples.
    assert script.choose(labels, script.Heard(predicted, far + 9), 2.0).tolist() == [2, 0]


def test_usual_distance_is_to_songs_of_other_groups(script: ModuleType) -> None:
    known = np.array([[0, 0], [0, 0.1], [3, 0], [3, 0.1]], dtype=np.float32)
    assert script.usual_distance(known, ["a", "a", "b", "b"]) == pytest.approx(3, abs=0.01)
    assert script.usual_distance(known, ["a", "b", "c", "d"]) == pytest.approx(0.1)


def test_gains_are_paired_with_the_same_songs(script: ModuleType) -> None:
    random = np.random.default_rng(0)
    labels = random.uniform(-0.8, 0.8, (40, 2)).astype(np.float32)

    def heard(noise: float) -> list[np.ndarray]:
        return [(labels + random.normal(0, noise, labels.shape)).astype(np.float32)]

    found = {script.ALONE: heard(0.4), script.FIRST: heard(0.4), script.JUDGED: heard(0.1)}
    arms, gains = script.compare(labels, labels > 0, groups=[str(i // 2) for i in range(40)], found=found)
    gain = gains["judged candidates, more than songs alone"]["ccc"]
    assert gain.value == pytest.approx(arms[script.JUDGED]["ccc"].value - arms[script.ALONE]["ccc"].value)
    assert gain.low > 0
    assert gains["first candidates, more than songs alone"]["ccc"].low < 0


@pytest.mark.exhaustive
@pytest.mark.usefixtures("loudness_encoder")
def test_one_fold_from_songs_to_record(
    script: ModuleType, songs_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "CONTROL_SONGS", 2)
    prepared = sentio_mobile.prepare(songs_csv, out=tmp_path / "data", fractions=(0.6, 0.2, 0.2))
    sentio_mobile.embed([(prepared, tmp_path)], out=tmp_path / "e.safetensors", encoder="loudness", workers=1)
    (tmp_path / "gan.toml").write_text(
        "[model]\nnoise = 8\ncondition_widths = [8]\nseed_width = 2\nwidths = [8, 8, 8, 8]\n"
        "[training]\nepochs = 1\nsteps = 2\nbatch_size = 4\n"
    )
    (tmp_path / "network.toml").write_text(
        "[model]\nlayers = 1\nheads = 2\nwidth = 32\nmlp_width = 32\nhead_widths = [16]\nhead_dropout = [0.0, 0.0]\n"
        "[training]\nepochs = 1\nbatch_size = 4\nlearning_rate = 0.001\n"
    )
    files = {"songs": "songs.csv", "data": "data", "embeddings": "e.safetensors", "gan": "gan.toml"}
    files["network"] = "network.toml"
    arguments = [text for option, name in files.items() for text in (f"--{option}", str(tmp_path / name))]
    numbers = {"steps": 2, "samples": 3, "candidates": 2, "folds": 2, "only": 0}
    arguments += [text for option, number in numbers.items() for text in (f"--{option}", str(number))]
    script.main([str(tmp_path / "out"), *arguments])
    record = read_record(script.GanFiltered, tmp_path / "out" / "record.json")
    assert (record.songs, record.judgements[0].candidates) == (10, 6)
    first, judged = (open_gan_samples(tmp_path / "out" / "fold-0" / name) for name in ("first", "judged"))
    np.testing.assert_array_equal(first.labels, judged.labels)
    assert set(record.arms) == {script.ALONE, script.FIRST, script.JUDGED}
