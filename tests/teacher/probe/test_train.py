"""`teacher probe`: what it finds, what it writes, and what it refuses."""

import re
from pathlib import Path

import numpy as np
import pytest
from probes import QUICK, MakeEmbeddings
from support import Refused, Sentio

from sentio_mobile._internal.records import replace
from sentio_mobile.data.clip_table import SONGS, read_clip_rows
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.weak_labels import WeakLabels
from sentio_mobile.errors import DataError
from sentio_mobile.metrics.agreement import ccc
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings
from sentio_mobile.teacher.probe.config import Regressor
from sentio_mobile.teacher.probe.probe import Probe
from sentio_mobile.teacher.probe.train import train_probe


def test_train_probe_judges_training_songs_out_of_fold(probe: Probe, data: PreparedData) -> None:
    train, result = data.split("train"), probe.sheet.evaluation
    assert result.songs.songs == train.song_ids
    np.testing.assert_allclose(result.songs.labels, train.labels, atol=1e-4)
    assert probe.out_of_fold.by_clip.keys() == {int(clip) for clip in data.store.checksums[train.rows]}
    np.testing.assert_allclose(result.songs.predictions, probe.out_of_fold.of(data, train.rows), atol=1e-4)
    for name, found in result.songs.ccc.items():
        assert found.low is not None, name
        assert found.low > 0.5
    assert result.auc.arousal.value is not None
    assert result.auc.arousal.value > 0.8
    assert result.auc.high == "labels above 0"
    assert probe.sheet.uncertainty is not None
    assert max(probe.sheet.uncertainty.half_width) < 0.6
    assert result.control.valence.informative
    assert result.control.arousal.informative
    assert [warning.split(":")[0] for warning in result.warnings] == [f"only {len(train)} songs"]
    assert probe.sheet.trained_on == "train"


def test_train_probe_takes_all_songs_and_weak_labels(
    data: PreparedData, embeddings: ClipEmbeddings, tmp_path: Path
) -> None:
    rows = read_clip_rows(data.folder / SONGS)
    sides = {row.song_id: (1.0 if (row.valence or 0) > 0.1 else -1.0, 0.0) for row in rows}
    weak = WeakLabels(tmp_path / "sides.csv", sides, "0" * 64)
    found = train_probe(data, embeddings, out=tmp_path / "probe", recipe=QUICK, songs="all", weak_labels=weak)
    result = found.sheet.evaluation
    assert result.songs.n == len(rows)
    assert found.sheet.trained_on == "all"
    assert result.auc.high == "sides.csv"
    assert result.auc.valence.value is not None
    assert result.auc.arousal.value is None
    nobody = WeakLabels(tmp_path / "sides.csv", {"nobody": (1.0, 1.0)}, "0" * 64)
    with pytest.raises(DataError, match="lists none of the songs"):
        train_probe(data, embeddings, out=tmp_path / "other", recipe=QUICK, weak_labels=nobody)
    assert not (tmp_path / "other").exists()


def test_train_probe_warns_of_labels_that_say_nothing(
    data: PreparedData, embeddings: ClipEmbeddings, tmp_path: Path
) -> None:
    """Embeddings that belong to other songs are like labels that say nothing."""
    other = np.random.default_rng(4).permutation(len(embeddings.checksums))
    mixed = replace(embeddings, embeddings=embeddings.embeddings[other])
    result = train_probe(data, mixed, out=tmp_path / "probe", recipe=QUICK, songs="all").sheet.evaluation
    assert not result.control.valence.informative
    assert not result.control.arousal.informative
    assert sum("say no more than shuffled ones" in warning for warning in result.warnings) == 2


def test_train_probe_leaves_out_few_windows_without_embeddings(
    data: PreparedData, make_embeddings: MakeEmbeddings, tmp_path: Path
) -> None:
    few = make_embeddings(data, leave_out=1)
    found = train_probe(data, few, out=tmp_path / "probe", recipe=QUICK, songs="all")
    assert found.sheet.evaluation.songs.n == len(few.checksums)
    assert any("1 windows have no embeddings" in warning for warning in found.sheet.evaluation.warnings)
    with pytest.raises(DataError, match=r"has no embeddings of \d+ of"):
        train_probe(data, make_embeddings(data, leave_out=20), out=tmp_path / "other", recipe=QUICK, songs="all")


def test_train_probe_refuses_fewer_groups_than_folds(
    data: PreparedData, embeddings: ClipEmbeddings, tmp_path: Path
) -> None:
    groups = len(set(data.split("train").groups))
    with pytest.raises(DataError, match=rf"in {groups} groups, fewer than 100 folds; take --folds {groups}"):
        train_probe(data, embeddings, out=tmp_path / "probe", recipe=replace(QUICK, folds=100))
    assert not (tmp_path / "probe").exists()


@pytest.mark.parametrize(
    ("valence", "fault"),
    [("0.25", "all 24 windows have the same valence, +0.25"), ("", "missing labels"), ("1.5", "labels off the scale")],
)
def test_train_probe_refuses_labels_that_nothing_can_be_learned_from(
    data: PreparedData, embeddings: ClipEmbeddings, tmp_path: Path, valence: str, fault: str
) -> None:
    header, *lines = (data.folder / SONGS).read_text().splitlines()
    column = header.split(",").index("valence")
    rows = [line.split(",") for line in lines]
    changed = [",".join([*row[:column], valence, *row[column + 1 :]]) for row in rows]
    (tmp_path / SONGS).write_text("\n".join([header, *changed]) + "\n")
    with pytest.raises(DataError, match=re.escape(fault)):
        train_probe(replace(data, folder=tmp_path), embeddings, out=tmp_path / "probe", recipe=QUICK)
    assert not (tmp_path / "probe").exists()


def test_train_probe_refuses_songs_without_labels(
    data: PreparedData, embeddings: ClipEmbeddings, tmp_path: Path
) -> None:
    unlabelled = replace(data, splits={"unlabelled": data.split("train")})
    with pytest.raises(DataError, match="its songs have no labels"):
        train_probe(unlabelled, embeddings, out=tmp_path / "probe", recipe=QUICK)


def test_train_probe_needs_the_music_for_features_alone(
    data: PreparedData, embeddings: ClipEmbeddings, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="they need the music"):
        train_probe(data, embeddings, out=tmp_path / "probe", recipe=replace(QUICK, inputs=("features",)))


def test_probe_command_states_what_it_found(
    sentio: Sentio, refused: Refused, data: PreparedData, embeddings_file: Path, tmp_path: Path
) -> None:
    command = ("teacher", "probe", "--data", data.folder, "--embeddings", embeddings_file, "--out", tmp_path / "probe")
    result = sentio(*command, "--folds", 3)
    assert result.exit_code == 0, result.output
    assert "24 songs in 24 groups, out of fold (3 folds by group; 95% intervals over groups):" in result.stdout
    assert "CCC: valence 0." in result.stdout
    assert "warning: only 24 songs" in result.stderr
    refused("exists already", *command)


@pytest.mark.parametrize("regressor", ["svr", "mlp", "xgboost"])
def test_train_probe_keeps_every_kind_of_member(
    data: PreparedData, embeddings: ClipEmbeddings, tmp_path: Path, regressor: Regressor
) -> None:
    recipe = replace(QUICK, regressors=(regressor,), trees=20, mlp_epochs=20, tree_depths=(2,))
    found = train_probe(data, embeddings, out=tmp_path / "probe", recipe=recipe)
    assert {one.regressor for one in found.sheet.members} == {regressor}
    train = data.split("train")
    rows = embeddings.rows_of(data.store.checksums[train.rows], data.folder)
    assert ccc(train.labels, found.predict(embeddings.embeddings[rows])).min() > 0.5
