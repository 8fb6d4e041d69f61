"""Inputs of any length are read in seconds or refused by a limit that the message names."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from support import artifact_entry, manifest_facts

from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.bundle.manifest import MAX_ARTIFACTS, MAX_FILES, parse_manifest
from sentio_mobile.data.clip_table import read_clip_rows, write_clip_rows
from sentio_mobile.data.config import TableSettings
from sentio_mobile.data.songs import Song
from sentio_mobile.data.sources import read_manifest
from sentio_mobile.data.splits import draw_parts, read_splits
from sentio_mobile.errors import BundleError
from sentio_mobile.spec import ModelSpec

HASH = {"sha256": "0" * 64, "bytes": 1}
FACTS = ("a" * 64, "1.000", "0.500000", "0.000000", "")
ROWS = [5_000, pytest.param(300_000, marks=pytest.mark.exhaustive)]
"""Rows of a table: few in `make test`."""


PACE_S = 0.2
"""Processor time that `pace` took where these limits were set."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail if the block takes more processor time; more is allowed where the processor is slower, or shared."""
    before, start = pace(), time.process_time()
    yield
    taken = time.process_time() - start
    assert taken < seconds * max(1, before / PACE_S, pace() / PACE_S)


def pace() -> float:
    """Processor time of plain work like that of the readers: 150,000 rows of a table.

    The rows are kept, as those of the readers are: Python's collector of garbage looks at them, and at all else that
    this process holds, again and again.
    """
    lines = ["a,b,c,d,e", *(f"m/{i}.mp3,1.5,2.5,s{i},g{i}" for i in range(150_000))]
    start = time.process_time()
    assert len(list(csv.DictReader(lines))) == 150_000
    return time.process_time() - start


def manifest(artifacts: int, files: int) -> bytes:
    """A manifest of so many artifacts, each of a file, and so many files."""
    entry = artifact_entry("onnx", "waveform", "fp32", "f0")
    entries = [{**entry, "path": f"f{min(i, files - 1)}"} for i in range(artifacts)]
    facts = manifest_facts(ModelSpec(architecture="mobilevit"), entries, files={f"f{i}": HASH for i in range(files)})
    return json.dumps(facts).encode()


@pytest.mark.parametrize(
    ("artifacts", "files", "words"),
    [(20_000, 1, "artifacts must be a list of 1 to 256 values"), (1, 30_000, "files must be")],
)
def test_bundle_of_too_much_is_refused_in_seconds(artifacts: int, files: int, words: str) -> None:
    content = manifest(artifacts, files)
    with within(3), pytest.raises(BundleError, match=words):
        parse_manifest(content, Path("bundle"))


def test_bundle_at_its_limits_is_used_in_seconds() -> None:
    content = manifest(MAX_ARTIFACTS, MAX_FILES)
    with within(5):
        parsed = parse_manifest(content, Path("bundle"))
        bundle = Bundle(Path("bundle"), parsed, frozenset(parsed.files))
        assert sum(map(bundle.size, bundle.artifacts)) == MAX_ARTIFACTS


@pytest.mark.parametrize("rows", ROWS)
def test_table_of_many_songs_is_read_in_seconds(rows: int, tmp_path: Path) -> None:
    lines = (f"m/{i}.mp3,{1 + i % 80 / 10:.1f},{9 - i % 77 / 10:.1f},s{i},g{i}\n" for i in range(rows))
    (tmp_path / "songs.csv").write_text("path,valence_mean,arousal_mean,song_id,group\n" + "".join(lines))
    with within(12):
        source = read_manifest(tmp_path / "songs.csv", TableSettings(scale="1-9"))
        assert len(source.songs) == rows


@pytest.mark.parametrize("rows", ROWS)
def test_songs_each_of_a_group_are_split_in_seconds(rows: int) -> None:
    labels = np.random.default_rng(0).uniform(-1, 1, (rows, 2))
    songs = [
        Song(song_id=str(i), path=Path("x"), valence=float(valence), arousal=float(arousal), group=str(i))
        for i, (valence, arousal) in enumerate(labels)
    ]
    with within(12):
        parts = draw_parts(songs, (0.8, 0.1, 0.1), 0)
    assert np.bincount(parts) / rows == pytest.approx([0.8, 0.1, 0.1], abs=0.01)


Read = Callable[[Path], object]


@pytest.mark.parametrize("read", [read_clip_rows, read_splits], ids=["windows", "splits"])
@pytest.mark.parametrize("rows", ROWS)
def test_songs_csv_of_many_rows_is_read_in_seconds(rows: int, read: Read, tmp_path: Path) -> None:
    path, names = tmp_path / "songs.csv", ("train", "val", "test")
    with within(12):
        write_clip_rows(
            path, ((f"s{i}", 0, "0", i, names[i % 3], f"g{i}", "0.1", "-0.2", "x.wav", *FACTS) for i in range(rows))
        )
        assert read(path)
