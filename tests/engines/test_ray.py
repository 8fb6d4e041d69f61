"""The stages on a Ray cluster of two nodes: the local run's results, also where a node dies in the middle."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from probes import QUICK
from support import Sentio

import sentio_mobile
from sentio_mobile._internal.records import read_plain
from sentio_mobile._internal.shards import shard_files
from sentio_mobile.data.clip_table import SONGS
from sentio_mobile.data.pseudo_labels import read_pseudo_labels
from sentio_mobile.models.encoders.clip_embeddings import read_clip_embeddings

from .conftest import TwoNodes

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(900)]

Start = Callable[..., "subprocess.Popen[str]"]


def finished(process: "subprocess.Popen[str]", status: int = 0) -> tuple[str, str]:
    """What a command printed, once it has ended with this status."""
    out, err = process.communicate(timeout=600)
    assert process.returncode == status, (out, err)
    assert "Warning" not in err
    return out, err


def rows_of(folder: Path) -> list[dict[str, object]]:
    """All rows of all shards."""
    return [row for file in shard_files(folder) for row in pq.read_table(file).to_pylist()]


def wait_for_shards(folder: Path, count: int, process: "subprocess.Popen[str]") -> None:
    """Wait until so many shards are there, and the command still has more to make."""
    while len(list(folder.glob("part-*"))) < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def test_predict_gives_the_local_results_though_a_node_dies(
    sentio: Sentio, start: Start, two_nodes: TwoNodes, library: Path, tmp_path: Path
) -> None:
    (library / "album-0" / "broken.wav").write_bytes(b"no sound")
    local, out = tmp_path / "local.json", tmp_path / "out"
    options = ("--every", 0.2)
    assert sentio("predict", library, "--out", local, *options).exit_code == 1
    ray = ("--engine", "ray", "--address", two_nodes.address, "--shard-songs", 1, "--out", out)
    process = start("predict", library, *options, *ray)
    wait_for_shards(out, 4, process)
    two_nodes.kill_second()
    wait_for_shards(out, 5, process)
    _, err = finished(process, status=1)
    assert "broken.wav" in err
    assert sorted(rows_of(out), key=lambda row: (row["song"], row["start"])) == read_plain(local)
    # A second command finds all songs done, and needs no cluster.
    printed, _ = finished(start("predict", library, *options, *ray[:3], "192.0.2.1:1", *ray[4:]), status=1)
    assert "25 songs in 25 shards" in printed
    assert "25 of them from before" in printed


def test_prepare_embed_and_label_give_the_local_results(
    sentio: Sentio, start: Start, loudness_on_nodes: None, two_nodes: TwoNodes, labelled: Path, tmp_path: Path
) -> None:
    ray = ("--engine", "ray", "--address", two_nodes.address, "--shard-songs", 6)
    prepare = ("data", "prepare", labelled, "--scale=-1-1", "--fractions", 0.5, 0.25, 0.25, "--perturb", 1)
    assert sentio(*prepare, "--out", tmp_path / "here").exit_code == 0
    finished(start(*prepare, "--out", tmp_path / "there", *ray))
    assert (tmp_path / "there" / SONGS).read_bytes() == (tmp_path / "here" / SONGS).read_bytes()
    assert not (tmp_path / "there.shards").exists()

    of = ("--data", tmp_path / "here", "--music", labelled.parent, "--encoder", "loudness")
    assert sentio("teacher", "embed", *of, "--workers", 1, "--out", tmp_path / "e.safetensors").exit_code == 0
    finished(start("teacher", "embed", *of, "--out", tmp_path / "e", *ray))
    here, there = (read_clip_embeddings(tmp_path / name) for name in ("e.safetensors", "e"))
    rows = there.rows_of(here.checksums, tmp_path)
    assert len(there.checksums) == len(here.checksums)
    assert np.array_equal(there.embeddings[rows], here.embeddings)

    probe = sentio_mobile.train_probe(data=tmp_path / "here", embeddings=here, recipe=QUICK, out=tmp_path / "probe")
    label = ("teacher", "label", "--teacher", probe.folder, "--on", tmp_path / "here", labelled.parent)
    assert sentio(*label, "--out", tmp_path / "labels.csv").exit_code == 0
    finished(start(*label, "--out", tmp_path / "labels", *ray))
    local, found = (read_pseudo_labels(tmp_path / name).by_clip for name in ("labels.csv", "labels"))
    assert found.keys() == local.keys()
    assert np.allclose([found[clip] for clip in local], list(local.values()), atol=1e-6, rtol=0)
