"""Predict a library on a Ray cluster of two nodes, kill one in the middle, and hold the result against the local run.

    python benchmarks/research/killed_node.py OUT.json --songs 240

The cluster is real: two raylets on this machine, each with a core and its own processes, started and killed by
`tests/engines/two_nodes.py`. The library is generated MP3s of 45 s like DEAM's. The second node is killed when --share
of the shards are written. Recorded: how many songs are in the shards once, more often and not at all, whether every row
is that of `predict` with this machine's own processes, the shards that were there when the node was killed, and the
seconds of both runs. A node that dies costs the shards that it was at; they are made again by the other.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from many_machines import make_library
from store import make_deam_like

from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.records import to_plain
from sentio_mobile._internal.shards import shard_files
from sentio_mobile.benchmarks.machine import describe_machine

CLUSTER = Path(__file__).parents[2] / "tests" / "engines" / "two_nodes.py"
Rows = list[dict[str, Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Predict twice, and write OUT.json; returns 1 if a song is missing, double, or not what the local run says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--songs", type=int, default=240)
    parser.add_argument("--shard-songs", type=int, default=10)
    parser.add_argument("--share", type=float, default=0.3, help="Share of the shards after which the node is killed.")
    parser.add_argument("--work", type=Path, help="Folder for temporary files.")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        work = Path(folder)
        make_deam_like(work / "songs")
        library = make_library(work / "music", sorted((work / "songs").iterdir()), options.songs)
        local, local_s = predict_here(library, work / "local.json")
        found = predict_there(library, work / "out", shard_songs=options.shard_songs, share=options.share)
        rows = [row for file in shard_files(work / "out") for row in pq.read_table(file).to_pylist()]
    times = Counter(row["song"] for row in rows)
    names = {row["song"] for row in local}
    record = {
        "command": f"python benchmarks/research/killed_node.py OUT.json --songs {options.songs}",
        "machine": to_plain(describe_machine()),
        "songs": options.songs,
        "shard_songs": options.shard_songs,
        **found,
        "songs_once": sum(times[name] == 1 for name in names),
        "songs_more_often": sum(count > 1 for count in times.values()),
        "songs_missing": len(names - times.keys()),
        "rows_equal": ordered(rows) == ordered(local),
        "local_seconds": round(local_s, 1),
    }
    write_json(options.out, record)
    print(json.dumps(record, indent=2))
    return not (record["rows_equal"] and record["songs_once"] == options.songs == len(rows))


def predict_here(library: Path, out: Path) -> tuple[Rows, float]:
    """What this machine's own processes say, and their seconds."""
    start = time.monotonic()
    subprocess.run(command(library, "--out", out), check=True, capture_output=True)
    rows: Rows = json.loads(out.read_text())
    return rows, time.monotonic() - start


def predict_there(library: Path, out: Path, *, shard_songs: int, share: float) -> dict[str, Any]:
    """Predict on two nodes, of which one dies; when it died, and the seconds of the whole."""
    shards = -(-len(list(library.iterdir())) // shard_songs)
    with two_nodes() as (address, node):
        start = time.monotonic()
        ray = ("--engine", "ray", "--address", address, "--shard-songs", shard_songs, "--out", out)
        with subprocess.Popen(command(library, *ray), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            while (there := len(list(out.glob("part-*")))) < share * shards:
                if process.poll() is not None:
                    raise SystemExit(f"ended before the node was killed:\n{said(process)}")
                time.sleep(0.05)
            kill(node)
            killed_s = time.monotonic() - start
            if process.wait():
                raise SystemExit(said(process))
        seconds = time.monotonic() - start
    return {
        **{"shards": shards, "shards_when_killed": there},
        **{"killed_after_seconds": round(killed_s, 1), "seconds": round(seconds, 1)},
    }


@contextmanager
def two_nodes() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A cluster of two nodes: its address, and the process that kills the second one."""
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(
        [sys.executable, CLUSTER], stdin=pipe, stdout=pipe, stderr=nothing, text=True, env=variables
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        address = next((line.strip() for line in process.stdout if line[:1].isdigit()), None)
        if address is None:
            raise SystemExit("Ray did not start; is this machine too busy?")
        try:
            yield address, process
        finally:
            process.stdin.close()


def kill(node: subprocess.Popen[str]) -> None:
    """End the second node as a crash would, and wait until it is gone."""
    assert node.stdin is not None
    assert node.stdout is not None
    node.stdin.write("kill\n")
    node.stdin.flush()
    if not any(line == "killed\n" for line in node.stdout):
        raise SystemExit("the node was not killed")


def command(library: Path, *options: object) -> list[str]:
    """The command line of both engines."""
    return [sys.executable, "-m", "sentio_mobile", "predict", *map(str, (library, *options))]


def said(process: subprocess.Popen[bytes]) -> str:
    """The end of what a command printed."""
    assert process.stderr is not None
    return process.stderr.read().decode(errors="replace")[-2000:]


def ordered(rows: Rows) -> Rows:
    """Rows in an order that both engines can be held to."""
    return sorted(rows, key=lambda row: (row["song"], row["start"]))


if __name__ == "__main__":
    sys.exit(main())
