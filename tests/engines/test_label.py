"""Pseudo-labels in shards: those of the local run, by each kind of teacher."""

from pathlib import Path

import numpy as np
import pytest
from probes import QUICK
from support import Sentio

import sentio_mobile
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.pseudo_labels import read_pseudo_labels
from sentio_mobile.engines.label import labelling_work
from sentio_mobile.engines.places import Place
from sentio_mobile.engines.work import make_shard
from sentio_mobile.errors import DataError
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.teacher.config import TeacherRecipe

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def probe(prepared: PreparedData, labelled: Path, tmp_path: Path) -> Path:
    """A probe on the loudness of songs."""
    found = sentio_mobile.embed(
        [(prepared, labelled.parent)], encoder="loudness", workers=1, out=tmp_path / "embeddings.safetensors"
    )
    sentio_mobile.train_probe(data=prepared, embeddings=found, recipe=QUICK, out=tmp_path / "probe")
    return tmp_path / "probe"


def label_in_shards(teachers: list[Path], data: PreparedData, music: Path, out: Path) -> None:
    """What workers do, in this process: three shards."""
    work, items = labelling_work(teachers, [(data, str(music))])
    work.open()
    for start in range(0, len(items), 10):
        assert make_shard(work, items[start : start + 10], Place(str(out))).faults == ()


def assert_same(shards: Path, csv: Path, tolerance: float) -> None:
    found, expected = read_pseudo_labels(shards).by_clip, read_pseudo_labels(csv).by_clip
    assert found.keys() == expected.keys()
    assert np.allclose([found[clip] for clip in expected], list(expected.values()), atol=tolerance, rtol=0)


def test_shards_are_the_local_labels_of_probe_and_network(
    sentio: Sentio, probe: Path, tiny_teacher: TeacherRecipe, prepared: PreparedData, labelled: Path, tmp_path: Path
) -> None:
    spec = spec_of(tiny_teacher.model, prepared.audio)
    Checkpoint(spec=spec, model=build(spec)).save(tmp_path / "network")
    for teachers in ([probe], [probe, tmp_path / "network"]):
        name = f"{len(teachers)}"
        chosen = [option for teacher in teachers for option in ("--teacher", teacher)]
        on = ("--on", prepared.folder, labelled.parent)
        assert sentio("teacher", "label", *chosen, *on, "--out", tmp_path / f"{name}.csv").exit_code == 0
        label_in_shards(teachers, prepared, labelled.parent, tmp_path / name)
        # A network's sums depend on how many clips it takes at once.
        assert_same(tmp_path / name, tmp_path / f"{name}.csv", 1e-6 if len(teachers) == 1 else 1e-5)


def test_another_probe_on_a_machine_is_refused(probe: Path, prepared: PreparedData, labelled: Path) -> None:
    work, _ = labelling_work([probe], [(prepared, str(labelled.parent))])
    (probe / "note.txt").write_text("changed")
    with pytest.raises(DataError, match="no such teacher, or another one"):
        work.open()


def test_embeddings_are_refused_with_ray(sentio: Sentio, prepared: PreparedData, tmp_path: Path) -> None:
    on = ("--on", prepared.folder, tmp_path, "--embeddings", tmp_path / "e", "--engine", "ray", "--out", tmp_path / "o")
    result = sentio("teacher", "label", "--teacher", "tags", *on)
    assert result.exit_code == 2
    assert "leave --embeddings out" in result.stderr.replace("\n", " ")
