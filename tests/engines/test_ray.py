"""The stages on a Ray cluster of two nodes: the local run's results, also where a node dies in the middle."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Sentio

from sentio_mobile._internal.records import read_plain
from sentio_mobile._internal.shards import read_shard, shard_files

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
    return [row for file in shard_files(folder) for row in read_shard(file, str(file)).to_pylist()]


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
