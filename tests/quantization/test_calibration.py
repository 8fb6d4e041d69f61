"""Calibration clips are training songs from all over the valence-arousal plane, and no others."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from sentio_mobile._internal.records import replace
from sentio_mobile.audio.image import to_input
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import DataError
from sentio_mobile.quantization.calibration import Calibration, collect_calibration, sample_over_plane
from sentio_mobile.spec import AudioSpec, ModelSpec

SPEC = ModelSpec(architecture="mobilevit")


def drawn(labels: list[tuple[float, float]], count: int, seed: int = 0) -> list[int]:
    return sample_over_plane(np.array(labels, dtype=np.float32), count, np.random.default_rng(seed))


def test_sample_over_plane_uneven_cells() -> None:
    crowded, thin, lonely = (0.0, 0.0), (0.9, 0.9), (-0.9, 0.5)
    labels = [crowded] * 90 + [thin] * 8 + [lonely]
    found = drawn(labels, 15)
    assert Counter(labels[i] for i in found) == {crowded: 7, thin: 7, lonely: 1}
    assert len(set(found)) == 15
    assert drawn(labels, 500) == list(range(99)), "all of them, where there are fewer"


def test_sample_over_plane_labels_at_and_beyond_the_edge() -> None:
    corners = [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0), (1.2, -1.2)]
    assert drawn(corners, 9) == [0, 1, 2, 3, 4]


def test_sample_over_plane_seed() -> None:
    labels = [(i / 500 - 0.1, 0.0) for i in range(100)]
    assert drawn(labels, 10, seed=1) == drawn(labels, 10, seed=1) != drawn(labels, 10, seed=2)


def test_collect_calibration_training_songs_only(data: PreparedData) -> None:
    spec = replace(SPEC, audio=data.audio)
    found = collect_calibration(data, spec, clips=1000)
    train = data.split("train").rows
    assert found.origin.clips == len(found.images) == len(train)
    assert found.origin.clips_sha256 == hashlib.sha256(data.store.checksums[train].tobytes()).hexdigest()
    few = collect_calibration(data, spec, clips=6)
    known = {image.tobytes() for image in found.images}
    assert len({image.tobytes() for image in few.images} & known) == 6
    again = collect_calibration(data, spec, clips=6)
    assert np.array_equal(few.images, again.images)
    assert few.origin == again.origin
    assert few.origin != collect_calibration(data, spec, clips=6, seed=1).origin


def test_collect_calibration_origin(data: PreparedData) -> None:
    origin = collect_calibration(data, SPEC, clips=5, seed=3).origin
    assert (origin.clips, origin.seed, origin.fingerprint) == (5, 3, data.sheet.fingerprint)


def test_collect_calibration_other_front_end(data: PreparedData) -> None:
    other = replace(SPEC, audio=AudioSpec(f_max=7000.0))
    with pytest.raises(DataError, match="another front end than the model's; prepare the songs for it"):
        collect_calibration(data, other)
    # What comes after the log-mel is the model's own affair.
    small = replace(SPEC, audio=AudioSpec(image_size=(64, 96), normalization="zscore"))
    assert collect_calibration(data, small, clips=2).images.shape == (2, 64, 96)


def test_calibration_save_and_load(data: PreparedData, tmp_path: Path) -> None:
    saved = collect_calibration(data, SPEC, clips=3)
    saved.save(tmp_path / "calibration.npy")
    loaded = Calibration.load(tmp_path / "calibration.npy")
    assert np.array_equal(loaded.images, saved.images)
    inputs = list(loaded.inputs(SPEC))
    assert {(given.shape, given.dtype.name) for given in inputs} == {((1, 3, 224, 224), "float32")}
    assert np.array_equal(inputs[2], to_input(saved.images[2], SPEC))
