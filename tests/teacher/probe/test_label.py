"""`teacher label`: pseudo-labels by probes and networks; training songs get out-of-fold ones."""

from pathlib import Path

import numpy as np
import pytest
from conversions import STUDENT
from probes import MakeEmbeddings
from support import Refused, Sentio

from sentio_mobile.data.clip_table import SONGS, read_clip_rows
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.pseudo_labels import read_pseudo_labels
from sentio_mobile.errors import InputError
from sentio_mobile.evaluation.evaluated_model import open_model
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings
from sentio_mobile.teacher.probe.label import (
    ClipLabels,
    label_by_network,
    label_by_probe,
    mean_of_teachers,
    probe_targets,
)
from sentio_mobile.teacher.probe.probe import Probe


def test_probe_targets_of_training_songs_are_out_of_fold(
    probe: Probe, data: PreparedData, embeddings: ClipEmbeddings
) -> None:
    targets = probe_targets(probe.folder, data, embeddings)
    train, test = data.split("train"), data.split("test")
    assert np.array_equal(targets.of(data, train.rows), probe.out_of_fold.of(data, train.rows))
    inside = probe.predict(embeddings.embeddings[embeddings.rows_of(data.store.checksums[train.rows], data.folder)])
    assert np.abs(inside - targets.of(data, train.rows)).max() > 0.01
    new = probe.predict(embeddings.embeddings[embeddings.rows_of(data.store.checksums[test.rows], data.folder)])
    np.testing.assert_allclose(targets.of(data, test.rows), new, atol=1e-6)
    assert label_by_probe(probe, data, embeddings).out_of_fold == len(train)


def test_probe_targets_refuse_another_encoder(
    probe: Probe, data: PreparedData, make_embeddings: MakeEmbeddings
) -> None:
    with pytest.raises(InputError, match=r"comes from loud, and the probe .* was made for the encoder toy"):
        probe_targets(probe, data, make_embeddings(data, name="loud"))
    with pytest.raises(InputError, match="comes from another version of it"):
        probe_targets(probe, data, make_embeddings(data, digest="b" * 64))


def test_mean_of_teachers_is_the_mean_of_their_predictions() -> None:
    clips = np.array([1, 2], dtype=np.uint64)
    one, other = (
        ClipLabels(checksums=clips, predicted=np.full((2, 2), value, dtype=np.float32), out_of_fold=count)
        for value, count in ((0.5, 2), (-0.1, 0))
    )
    found = mean_of_teachers([one, other])
    np.testing.assert_allclose(found.predicted, 0.2, atol=1e-6)
    assert found.out_of_fold == 0


def test_label_by_probe_leaves_out_windows_without_embeddings_if_asked(
    probe: Probe, data: PreparedData, make_embeddings: MakeEmbeddings
) -> None:
    fewer = make_embeddings(data, leave_out=3)
    found = label_by_probe(probe, data, fewer, partial=True)
    assert found.missing == 3
    assert found.checksums.tolist() == fewer.checksums.tolist()
    others = make_embeddings(data, leave_out=data.store.checksums.size - 1)
    mean = mean_of_teachers([found, label_by_probe(probe, data, others, partial=True)])
    assert mean.checksums.tolist() == others.checksums.tolist()
    assert mean.missing == len(fewer.checksums) + 2


def test_label_command_takes_probes_and_says_how_many_are_out_of_fold(
    sentio: Sentio, refused: Refused, probe: Probe, data: PreparedData, embeddings_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "labels.csv"
    command = ("teacher", "label", "--on", data.folder, tmp_path, "--out", out, "--teacher")
    result = sentio(*command, probe.folder, "--embeddings", embeddings_file)
    assert result.exit_code == 0, result.output
    rows = read_clip_rows(data.folder / SONGS)
    assert f"{len(rows)} pseudo-labels in" in result.stdout
    assert f"{len(data.split('train'))} of them out of fold" in result.stdout
    assert len(read_pseudo_labels(out).by_clip) == len(rows)
    refused("exists already", *command, probe.folder, "--embeddings", embeddings_file)
    refused("is no checkpoint", *command, tmp_path, "--force")


def test_label_command_without_embeddings_names_an_encoder_that_is_missing(
    refused: Refused, probe: Probe, data: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    command = ("teacher", "label", "--on", data.folder, tmp_path, "--out", tmp_path / "labels.csv", "--teacher")
    refused("musicnn-msd is not installed; install it with", *command, "tags")
    refused("no encoder 'toy'", *command, probe.folder)
    assert not (tmp_path / "labels.csv").exists()


def test_label_command_takes_a_network_and_the_mean_of_both(
    sentio: Sentio, probe: Probe, data: PreparedData, embeddings: ClipEmbeddings, tmp_path: Path
) -> None:
    found = label_by_network(Checkpoint.load(STUDENT), data)
    rows = np.array([row.row for row in read_clip_rows(data.folder / SONGS)])[:20]
    expected = open_model(STUDENT).predict_log_mels
    assert expected is not None
    log_mels = np.asarray(data.mels[rows], dtype=np.float32)
    np.testing.assert_allclose(found.predicted[:20], np.clip(expected(log_mels), -1, 1), atol=1e-5)
    out = tmp_path / "labels.csv"
    command = ("teacher", "label", "--on", data.folder, tmp_path, "--out", out, "--teacher", STUDENT)
    result = sentio(*command, "--teacher", probe.folder, "--embeddings", embeddings.path)
    assert result.exit_code == 0, result.output
    assert "0 of them out of fold" in result.stdout
    mean = (found.predicted[:20] + label_by_probe(probe, data, embeddings).predicted[:20]) / 2
    np.testing.assert_allclose(read_pseudo_labels(out).of(data, rows), mean, atol=1e-5)
