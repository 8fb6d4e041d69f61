"""What a ridge regression reads of valence and arousal from the features of networks that have seen no label.

    python benchmarks/research/network_features.py OUT.json --songs songs.csv --data PREPARED
        --networks NAME=CHECKPOINT|shipped:RECIPE ... [--folds 5] [--threads 1]

Songs are those of `pretrained_students.py`. The features of a clip are what the head reads, and the mean and standard
deviation of what stands before it; the regression is tested on songs of other groups. So first weights can be compared
in a minute, before a student is distilled from them. `shipped:mobilevit` are the first weights of a recipe.

OUT.json has CCC and AUC of each network with intervals over groups, paired differences to the first one, and what the
checkpoint says of its pretraining.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from image_sizes import predict, songs_parser, stored_log_mels
from msgspec import Meta
from pretrained_students_figures import Array, Figures, intervals, samples_of
from pretrained_students_sounds import Songs, read_songs

from sentio_mobile._internal.records import Count, Finite, Name, Record, Versions, replace, write_record
from sentio_mobile.audio.image import to_input_batch
from sentio_mobile.benchmarks.machine import Machine, describe_machine
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.metrics.bootstrap import resample
from sentio_mobile.models.checkpoint import Checkpoint, package_versions
from sentio_mobile.models.first_weights import first_weights_for, load_first_weights
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.recipes import load_recipe
from sentio_mobile.training.clip_features import clip_features

SHIPPED = "shipped:"


class OfNetwork(Record, frozen=True, kw_only=True):
    """What is read from the features of one network."""

    features: Count  # numbers of a clip
    figures: Figures  # figures over all songs
    more_than_first: Figures | None  # paired differences to the first network
    # the last row of the history of its pretraining: R2 is that of the targets it learned, which differ
    pretraining: Annotated[dict[Name, Finite], Meta(max_length=64)]


class NetworkFeatures(Record, frozen=True, kw_only=True):
    """OUT.json: what is read from the features of several networks."""

    songs: Count  # songs
    groups: Count  # their groups, which intervals are over
    networks: Annotated[dict[Name, OfNetwork], Meta(max_length=64)]  # by name
    machine: Machine  # where it ran
    versions: Versions  # packages


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each network, and write OUT.json."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    data = open_data(options.data)
    songs = read_songs(options.songs, data)
    draws = resample(len(songs.labels), 0, songs.groups)
    samples, sizes, histories = {}, {}, {}
    for name, place in options.networks:
        network, histories[name] = open_network(place, data)
        features = features_of(network, data, songs)
        sizes[name] = features.shape[1]
        samples[name] = samples_of(songs.labels, songs.high, predict(features, songs, options.folds), draws)
        print(name, {figure: round(float(x[0]), 3) for figure, x in samples[name].items()}, flush=True)
    first = next(iter(samples))
    record = NetworkFeatures(
        songs=len(songs.labels),
        groups=len(set(songs.groups)),
        networks={
            name: OfNetwork(
                features=sizes[name],
                figures=intervals(own),
                more_than_first=None if name == first else intervals(own, minus=samples[first]),
                pretraining=histories[name],
            )
            for name, own in samples.items()
        },
        machine=describe_machine(),
        versions=package_versions(),
    )
    write_record(options.out, record)


def open_network(place: str, data: PreparedData) -> tuple[Checkpoint, dict[str, float]]:
    """A checkpoint, or the first weights of a recipe, and the last row of its history."""
    if not place.startswith(SHIPPED):
        found = Checkpoint.load(Path(place))
        row = found.history[-1] if found.history else {}
        return found, {name: value for name, value in row.items() if value is not None and name.startswith("val_")}
    recipe = load_recipe(DistillRecipe, place.removeprefix(SHIPPED), "distill")
    spec = spec_of(recipe.model, replace(data.audio, image_size=recipe.image_size or data.audio.image_size))
    model, weights = build(spec).eval(), first_weights_for(spec)
    if weights is None:
        raise SystemExit(f"no first weights are shipped for {place.removeprefix(SHIPPED)}")
    load_first_weights(model, weights)
    return Checkpoint(model=model, spec=spec), {}


def features_of(network: Checkpoint, data: PreparedData, songs: Songs) -> Array:
    """Features of each song's clip [songs, features]."""
    found = []
    with torch.inference_mode():
        for mels in stored_log_mels(data, songs):
            features = clip_features(network.model.eval(), to_input_batch(mels, network.spec))
            parts = (features.pooled, features.tokens.mean(dim=1), features.tokens.std(dim=1))
            found.append(torch.cat(parts, dim=1).numpy())
    return np.concatenate(found)


def _network(text: str) -> tuple[str, str]:
    name, _, place = text.partition("=")
    if not place:
        raise argparse.ArgumentTypeError(f"NAME=CHECKPOINT, not {text}")
    return name, place


def _parser() -> argparse.ArgumentParser:
    parser = songs_parser(__doc__)
    parser.add_argument("--networks", type=_network, nargs="+", required=True)
    return parser


if __name__ == "__main__":
    main()
