"""What an image of fewer rows or columns than the log-mel has loses of valence and arousal.

    python benchmarks/research/image_sizes.py OUT.json --songs songs.csv --data PREPARED
        [--sizes 128x1292 128x646 128x448 128x224 224x224] [--folds 5] [--threads 1]

Songs are those of `pretrained_students.py`. Each log-mel is resized to the image's size and back, so that nothing is
left but what the image holds. musicnn (install it first) hears five parts of it, and a ridge regression on the mean and
standard deviation of its embeddings predicts the labels, in a cross-validation over whole groups. No network that takes
such an image in can know more of the music than it holds, and this one knows as much as any here.

OUT.json has CCC and AUC by size, with intervals over groups, and paired differences to the first size.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from msgspec import Meta
from pretrained_students_figures import Array, Figures, intervals, samples_of
from pretrained_students_sounds import Songs, read_songs
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn.functional import interpolate

from sentio_mobile._internal.records import Count, Name, Record, Versions, replace, write_record
from sentio_mobile.audio.image import to_input_batch
from sentio_mobile.benchmarks.machine import Machine, describe_machine
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.metrics.bootstrap import resample
from sentio_mobile.models.checkpoint import package_versions
from sentio_mobile.models.config import MusicnnSettings
from sentio_mobile.models.first_weights import first_weights_for, load_first_weights
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.training.clip_features import clip_features

_BATCH = 20
_STRENGTHS = np.logspace(1, 4.5, 12)
"""Penalties that ridge regression chooses from, within the training songs."""

Size2 = tuple[int, int]


class OfSize(Record, frozen=True, kw_only=True):
    """What is left in images of one size."""

    figures: Figures  # figures over all songs
    more_than_first: Figures | None  # paired differences to the first size


class ImageSizes(Record, frozen=True, kw_only=True):
    """OUT.json: what images of several sizes hold of valence and arousal."""

    songs: Count  # songs
    groups: Count  # their groups, which intervals are over
    sizes: Annotated[dict[Name, OfSize], Meta(max_length=64)]  # by rows x columns
    machine: Machine  # where it ran
    versions: Versions  # packages


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each size, and write OUT.json."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    data = open_data(options.data)
    songs = read_songs(options.songs, data)
    draws = resample(len(songs.labels), 0, songs.groups)
    samples = {}
    for rows, columns in options.sizes:
        predicted = predict(embed(data, songs, (rows, columns)), songs, options.folds)
        samples[f"{rows}x{columns}"] = samples_of(songs.labels, songs.high, predicted, draws)
        print(f"{rows}x{columns}", {name: round(float(x[0]), 3) for name, x in samples[f"{rows}x{columns}"].items()})
    first = next(iter(samples))
    record = ImageSizes(
        songs=len(songs.labels),
        groups=len(set(songs.groups)),
        sizes={
            size: OfSize(
                figures=intervals(own),
                more_than_first=None if size == first else intervals(own, minus=samples[first]),
            )
            for size, own in samples.items()
        },
        machine=describe_machine(),
        versions=package_versions(),
    )
    write_record(options.out, record)


def embed(data: PreparedData, songs: Songs, size: Size2) -> Array:
    """Mean and standard deviation over time of musicnn's embeddings of resized log-mels [songs, 400]."""
    whole = (data.audio.n_mels, data.audio.n_frames)
    spec = spec_of(MusicnnSettings(), replace(data.audio, image_size=whole))
    network, weights = build(spec).eval(), first_weights_for(spec)
    assert weights is not None
    load_first_weights(network, weights)
    found = []
    with torch.inference_mode():
        for mels in stored_log_mels(data, songs):
            image = mels[:, None]
            for wanted in (size, whole):
                image = interpolate(image, wanted, mode="bilinear", align_corners=False)
            features = clip_features(network, to_input_batch(image[:, 0], spec))
            found.append(torch.cat([features.tokens.mean(dim=1), features.tokens.std(dim=1)], dim=1).numpy())
    return np.concatenate(found)


def stored_log_mels(data: PreparedData, songs: Songs) -> Iterator[torch.Tensor]:
    """The songs' normalized log-mels [clips, n_mels, n_frames], a batch at a time."""
    rows = {song: row for split in data.splits.values() for song, row in zip(split.song_ids, split.rows, strict=True)}
    for start in range(0, len(songs.ids), _BATCH):
        mels = [data.mels[rows[song]] for song in songs.ids[start : start + _BATCH]]
        yield torch.from_numpy(np.stack(mels).astype(np.float32))


def predict(features: Array, songs: Songs, folds: int) -> Array:
    """Predictions [songs, 2] by ridge regressions that were fitted on songs of other groups."""
    found = np.zeros_like(songs.labels)
    for train, test in GroupKFold(folds).split(features, groups=songs.groups):
        for output in range(2):
            model = make_pipeline(StandardScaler(), RidgeCV(_STRENGTHS))
            found[test, output] = model.fit(features[train], songs.labels[train, output]).predict(features[test])
    return found


def _size(text: str) -> Size2:
    rows, columns = (int(side) for side in text.split("x"))
    return rows, columns


def songs_parser(description: str | None) -> argparse.ArgumentParser:
    """The options of a script that cross-validates regressions on songs."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--songs", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    return parser


def _parser() -> argparse.ArgumentParser:
    parser = songs_parser(__doc__)
    parser.add_argument(
        "--sizes", type=_size, nargs="+", default=[(128, 1292), (128, 646), (128, 448), (128, 224), (224, 224)]
    )
    return parser


if __name__ == "__main__":
    main()
