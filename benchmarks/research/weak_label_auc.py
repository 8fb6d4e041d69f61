"""Measure how well predictions tell high from low on songs with weak labels, also within calm and energetic music.

    python benchmarks/research/weak_label_auc.py PREDICTIONS.csv WEAK_LABELS.csv OUT.json --music "300 songs of ..."
        [--data PREPARED] [--seed 0]

PREDICTIONS.csv is what `sentio-mobile predict --out` writes: a song's name without folder and suffix is its id. Or it
is a file of pseudo-labels, and --data the prepared folder of its clips; a song's prediction is then the mean over its
clips. WEAK_LABELS.csv has the columns song_id, v_high and a_high; with a column `group`, the bootstrap draws groups.
OUT.json is a record that `default_model.py` puts into a model card.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sentio_mobile._internal.records import write_record
from sentio_mobile.bundle.about import WeakLabelAuc
from sentio_mobile.data.clip_table import SONGS, read_clip_rows
from sentio_mobile.data.prepared import open_data
from sentio_mobile.data.pseudo_labels import read_pseudo_labels
from sentio_mobile.data.songs import numbered_rows
from sentio_mobile.data.weak_labels import read_weak_labels
from sentio_mobile.metrics.auc import auc
from sentio_mobile.metrics.bootstrap import Interval, interval_of, resample


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write OUT.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("predictions", type=Path)
    parser.add_argument("weak_labels", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--music", required=True, help="the songs, and where their weak labels come from")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    predicted = of_clips(options.predictions, options.data) if options.data else of_songs(options.predictions)
    found = measure(predicted, options.weak_labels, music=options.music, seed=options.seed)
    for name in ("valence", "valence_when_calm", "valence_when_energetic", "arousal"):
        print(f"{name:23} {getattr(found, name)}")
    write_record(options.out, found)


def of_songs(path: Path) -> dict[str, tuple[float, float]]:
    """Predictions by song, from what `predict --out` wrote."""
    rows = numbered_rows(path, ("song", "valence", "arousal"))
    return {Path(row["song"]).stem: (float(row["valence"]), float(row["arousal"])) for _, row in rows}


def of_clips(path: Path, data: Path) -> dict[str, tuple[float, float]]:
    """Predictions by song: the mean of the pseudo-labels of its clips."""
    prepared, labels = open_data(data), read_pseudo_labels(path)
    found: dict[str, list[tuple[float, float]]] = {}
    for clip in read_clip_rows(prepared.folder / SONGS):
        found.setdefault(clip.song_id, []).append(labels.by_clip[int(prepared.store.checksums[clip.row])])
    return {song: tuple(np.mean(values, axis=0).tolist()) for song, values in found.items()}


def measure(predicted: Mapping[str, tuple[float, float]], weak_labels: Path, *, music: str, seed: int) -> WeakLabelAuc:
    """The areas, with bootstrap intervals, on the songs that have a prediction and both weak labels."""
    known = read_weak_labels(weak_labels).by_song
    songs = sorted(song for song in predicted if all(known.get(song, (0.0, 0.0))))
    rows = [row for _, row in numbered_rows(weak_labels, ("song_id",))]
    group_of = {row["song_id"]: row["group"] for row in rows if row.get("group")}
    groups = [group_of[song] for song in songs] if all(song in group_of for song in songs) else None
    labels, values = np.array([known[song] for song in songs]), np.array([predicted[song] for song in songs])
    draws = resample(len(songs), seed, groups)
    everywhere, energetic = np.ones(len(songs), dtype=bool), labels[:, 1] > 0

    def area(output: int, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Interval:
        high = labels[chosen, output] > 0
        return interval_of(auc(high, values[chosen, output], draws.of(chosen)))

    return WeakLabelAuc(
        music=music,
        songs=len(songs),
        valence=area(0, everywhere),
        arousal=area(1, everywhere),
        valence_when_calm=area(0, ~energetic),
        valence_when_energetic=area(0, energetic),
        over="songs" if groups is None else "groups",
        seed=seed,
    )


if __name__ == "__main__":
    main()
