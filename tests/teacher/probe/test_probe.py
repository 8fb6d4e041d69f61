"""A probe's folder: what is written is read again, and what was changed, or does not fit, is refused in one line."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.records import replace, write_record
from sentio_mobile.data.pseudo_labels import read_pseudo_labels
from sentio_mobile.errors import CheckpointError, InputError
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings
from sentio_mobile.spec import OUTPUTS
from sentio_mobile.teacher.probe.cv import Ensemble
from sentio_mobile.teacher.probe.members import Member
from sentio_mobile.teacher.probe.probe import PREDICTIONS, SHEET, TENSORS, Probe, is_probe


@pytest.fixture
def folder(probe: Probe, tmp_path: Path) -> Path:
    """The probe's folder, to be changed."""
    return Path(shutil.copytree(probe.folder, tmp_path / "probe"))


def test_load_gives_the_same_predictions(probe: Probe, folder: Path, embeddings: ClipEmbeddings) -> None:
    found = Probe.load(folder)
    assert is_probe(folder)
    assert found.sheet == probe.sheet
    predicted = probe.predict(embeddings.embeddings)
    assert predicted.shape == (len(embeddings.checksums), len(OUTPUTS))
    assert np.array_equal(found.predict(embeddings.embeddings), predicted)
    assert np.abs(predicted).max() <= 1
    assert found.out_of_fold.by_clip == read_pseudo_labels(folder / PREDICTIONS).by_clip


def test_predict_refuses_embeddings_of_another_size(probe: Probe) -> None:
    with pytest.raises(InputError, match=r"shape \(clips, time, 6\), not \(3, 4, 5\)"):
        probe.predict(np.zeros((3, 4, 5)))


@pytest.mark.parametrize("name", [TENSORS, PREDICTIONS])
def test_load_refuses_a_changed_file(folder: Path, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")
    with pytest.raises(CheckpointError, match="was changed"):
        Probe.load(folder)


def test_load_refuses_a_folder_without_a_probe(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is no probe"):
        Probe.load(tmp_path)


def longer(values: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([values, values[:1]])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("0.weights", longer),
        ("0.scale", np.zeros_like),
        ("1.centre", lambda values: values * np.nan),
        ("1.bias", lambda values: values[None]),
        ("0.bias", None),
    ],
)
def test_load_refuses_numbers_that_do_not_fit(
    folder: Path, probe: Probe, name: str, change: Callable[[NDArray[Any]], NDArray[Any]] | None
) -> None:
    tensors = load_file(folder / TENSORS)
    values = tensors.pop(name)
    save_file(tensors if change is None else {**tensors, name: change(values)}, folder / TENSORS)
    write_record(folder / SHEET, replace(probe.sheet, tensors_sha256=sha256(folder / TENSORS)))
    with pytest.raises(CheckpointError, match=rf"numbers of member {name[0]} do not fit"):
        Probe.load(folder)


def test_load_refuses_trees_that_lead_out_of_their_table(folder: Path, probe: Probe) -> None:
    tensors = load_file(folder / TENSORS)
    nodes = np.zeros((2, 3), dtype=np.int32)
    trees = {"columns": nodes, "thresholds": nodes.astype(np.float32), "low": nodes + 3, "high": nodes}
    trees |= {"leaves": nodes.astype(np.float32), "depth": np.array([1.0])}
    tensors.update({f"0.{key}": values for key, values in trees.items()})
    save_file(tensors, folder / TENSORS)
    members = (replace(probe.sheet.members[0], regressor="xgboost"), *probe.sheet.members[1:])
    write_record(folder / SHEET, replace(probe.sheet, members=members, tensors_sha256=sha256(folder / TENSORS)))
    with pytest.raises(CheckpointError, match="numbers of member 0 do not fit"):
        Probe.load(folder)


def test_load_refuses_a_probe_without_arousal(folder: Path, probe: Probe) -> None:
    members = tuple(replace(one, output="valence") for one in probe.sheet.members)
    write_record(folder / SHEET, replace(probe.sheet, members=members))
    with pytest.raises(CheckpointError, match="must predict valence and arousal"):
        Probe.load(folder)


def test_predict_asks_for_features_that_a_member_hears(probe: Probe) -> None:
    member = Member(
        regressor="ridge",
        parts=("features",),
        tensors={"centre": np.zeros(164), "scale": np.ones(164), "weights": np.full(164, 0.001), "bias": np.zeros(1)},
    )
    ensemble = Ensemble(members=(member,), weights=(1.0,), offset=0.1)
    members = tuple(replace(one, input="features", parts=("features",)) for one in probe.sheet.members)
    hears = replace(probe, sheet=replace(probe.sheet, members=members), ensembles=(ensemble, ensemble))
    with pytest.raises(InputError, match="also hears the 164 audio features"):
        hears.predict(np.zeros((2, 4, 6)))
    predicted = hears.predict(np.zeros((2, 4, 6)), np.ones((2, 164), dtype=np.float32))
    np.testing.assert_allclose(predicted, 0.264, atol=1e-6)
