"""Robustness: how far predictions move, and how much agreement is lost, when the audio of the songs is perturbed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import Name, Record, Text
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.song_audio import SongAudio, find_split_audio
from sentio_mobile.errors import DataError
from sentio_mobile.evaluation.evaluated_model import EvaluatedModel, Predictions
from sentio_mobile.evaluation.perturbations import PERTURBATIONS
from sentio_mobile.evaluation.predictions import UNCHANGED, predict_from_audio, predict_from_store
from sentio_mobile.evaluation.slices import ByDimension
from sentio_mobile.metrics.bootstrap import Resampling, by_dimension, measure


class PerturbationResult(Record, frozen=True, kw_only=True):
    """One model under one perturbation."""

    name: Name  # name of the perturbation or rendering
    meaning: Text  # what the perturbation does
    ccc: ByDimension  # CCC of the perturbed predictions with the labels
    gain: ByDimension  # the same minus the CCC of the unperturbed predictions, paired by song; below zero is a loss
    moved: ByDimension  # mean absolute change of the predictions
    correlation: ByDimension  # Pearson's r of perturbed and unperturbed predictions


def measure_robustness(
    model: EvaluatedModel,
    songs: Sequence[SongAudio],
    *,
    truth: NDArray[np.floating],
    resampling: Resampling,
    progress: Progress,
) -> list[PerturbationResult]:
    """Apply every perturbation of `PERTURBATIONS`, and compare with the predictions for the unchanged audio.

    Args:
        model: The model.
        songs: Audio files of the songs.
        truth: Labels [songs, 2].
        resampling: Bootstrap weights of these songs.
        progress: Updated for each song.
    """
    unperturbed = predict_from_audio(model, songs, progress, UNCHANGED)
    return [
        _compare(
            perturbation.name,
            perturbation.meaning,
            truth=truth,
            unperturbed=unperturbed,
            perturbed=predict_from_audio(model, songs, progress, perturbation),
            resampling=resampling,
        )
        for perturbation in PERTURBATIONS
    ]


def compare_rendering(
    model: EvaluatedModel,
    data: PreparedData,
    *,
    rendering: PreparedData,
    name: str,
    split: str,
    predicted: Predictions,
    resampling: Resampling,
    progress: Progress,
    music: Path | None = None,
) -> PerturbationResult | None:
    """Compare with another rendering of the same songs, such as another sound font.

    Args:
        model: The model.
        data: The evaluated songs.
        rendering: Another prepared folder with the same song ids.
        name: Name of the rendering, for tables.
        split: Name of the evaluated split.
        predicted: Predictions for the evaluated songs [songs, 2].
        resampling: Bootstrap weights of these songs.
        progress: Updated for each song.
        music: Folder of the rendering's audio, for models that need PCM.

    Returns:
        None for a model that needs PCM, or another front end, where `music` is not given.

    Raises:
        DataError: The rendering lacks one of the songs, or an audio file is missing.
    """
    positions = [_position(rendering, song, name) for song in data.split(split).song_ids]
    by_split: dict[str, Predictions] = {}
    for other_split in sorted({other_split for other_split, _ in positions}):
        predictions = predict_from_store(model, rendering, other_split, progress)
        if predictions is None and music is not None:
            predictions = predict_from_audio(model, find_split_audio(rendering, other_split, music), progress)
        if predictions is None:
            return None
        by_split[other_split] = predictions
    return _compare(
        name,
        f"the songs as prepared in {rendering.folder.name}",
        truth=data.split(split).labels,
        unperturbed=predicted,
        perturbed=np.stack([by_split[other_split][i] for other_split, i in positions]),
        resampling=resampling,
    )


def _position(rendering: PreparedData, song: str, name: str) -> tuple[str, int]:
    """The split of a song in another rendering, and its index in that split."""
    for split in rendering.splits.values():
        if song in split.song_ids:
            return split.name, split.song_ids.index(song)
    raise DataError(f"{rendering.folder} has no song {song!r}, so {name} cannot be compared; prepare the same songs")


def _compare(
    name: str,
    meaning: str,
    *,
    truth: NDArray[np.floating],
    unperturbed: Predictions,
    perturbed: Predictions,
    resampling: Resampling,
) -> PerturbationResult:
    before, after = (measure(truth, predicted, resampling)["ccc"] for predicted in (unperturbed, perturbed))
    change = measure(unperturbed, perturbed, resampling)
    return PerturbationResult(
        name=name,
        meaning=meaning,
        ccc=by_dimension(after),
        gain=by_dimension(after - before),
        moved=by_dimension(change["mae"]),
        correlation=by_dimension(change["pearson"]),
    )
