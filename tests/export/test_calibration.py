"""Ranges are measured on training songs of all moods, and on no others."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from sentio_mobile._internal.records import replace
from sentio_mobile.audio.image import to_input
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import DataError
from sentio_mobile.quantization.calibration import Calibration, calibration_of, spread_over_plane
from sentio_mobile.spec import AudioSpec, ModelSpec

SPEC = ModelSpec(architecture="mobilevit")


def drawn(labels: list[tuple[float, float]], count: int, seed: int = 0) -> list[int]:
    return spread_over_plane(np.array(labels, dtype=np.float32), count, np.random.default_rng(seed))


def test_every_cell_of_the_plane_gives_as_many_songs_as_it_can() -> None:
    crowded, thin, lonely = (0.0, 0.0), (0.9, 0.9), (-0.9, 0.5)
    labels = [crowded] * 90 + [thin] * 8 + [lonely]
    found = drawn(labels, 15)
    assert Counter(labels[i] for i in found) == {crowded: 7, thin: 7, lonely: 1}
    assert len(set(found)) == 15
    assert drawn(labels, 500) == list(range(99)), "all of them, where there are fewer"


def test_labels_on_the_edge_of_the_plane_and_beyond_have_a_cell() -> None:
    corners = [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0), (1.2, -1.2)]
    assert drawn(corners, 9) == [0, 1, 2, 3, 4]


def test_the_draw_is_by_its_seed() -> None:
    labels = [(i / 500 - 0.1, 0.0) for i in range(100)]
    assert drawn(labels, 10, seed=1) == drawn(labels, 10, seed=1) != drawn(labels, 10, seed=2)


def test_only_training_songs_are_drawn(data: PreparedData) -> None:
    wide = replace(SPEC, audio=data.audio)
    found = calibration_of(data, wide, clips=1000)
    train = data.split("train").rows
    assert found.origin["clips"] == len(found.pictures) == len(train)
    assert found.origin["clips_sha256"] == hashlib.sha256(data.store.checksums[train].tobytes()).hexdigest()
    few = calibration_of(data, wide, clips=6)
    known = {picture.tobytes() for picture in found.pictures}
    assert len({picture.tobytes() for picture in few.pictures} & known) == 6
    again = calibration_of(data, wide, clips=6)
    assert np.array_equal(few.pictures, again.pictures)
    assert few.origin == again.origin
    assert few.origin != calibration_of(data, wide, clips=6, seed=1).origin


def test_it_says_of_which_songs_it_is(data: PreparedData) -> None:
    origin = calibration_of(data, SPEC, clips=5, seed=3).origin
    assert (origin["clips"], origin["seed"], origin["fingerprint"]) == (5, 3, data.sheet["fingerprint"])


def test_songs_of_another_front_end_are_refused(data: PreparedData) -> None:
    other = replace(SPEC, audio=AudioSpec(f_max=7000.0))
    with pytest.raises(DataError, match="another front end than the model's; prepare the songs for it"):
        calibration_of(data, other)
    # What comes after the log-mel is the model's own affair.
    small = replace(SPEC, audio=AudioSpec(image_size=(64, 96), normalization="zscore"))
    assert calibration_of(data, small, clips=2).pictures.shape == (2, 64, 96)


def test_a_process_that_converts_reads_the_pictures_that_were_written(data: PreparedData, tmp_path: Path) -> None:
    made = calibration_of(data, SPEC, clips=3)
    made.save(tmp_path / "calibration.npy")
    read = Calibration.load(tmp_path / "calibration.npy")
    assert np.array_equal(read.pictures, made.pictures)
    fed = list(read.inputs(SPEC))
    assert {(given.shape, given.dtype.name) for given in fed} == {((1, 3, 224, 224), "float32")}
    assert np.array_equal(fed[2], to_input(made.pictures[2], SPEC))
