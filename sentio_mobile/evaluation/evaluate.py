"""Evaluate several models on the songs of one split: agreement, errors, robustness, speed, and which one is better."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import replace
from sentio_mobile.benchmarks.latency import MIN_RUNS, Latency, measure_latency
from sentio_mobile.data.clip_table import ClipRow
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.song_audio import SongAudio, find_split_audio, first_windows
from sentio_mobile.data.weak_labels import WeakLabels
from sentio_mobile.errors import DataError
from sentio_mobile.evaluation.calibration import Calibration, calibration
from sentio_mobile.evaluation.evaluated_model import EvaluatedModel, Predictions
from sentio_mobile.evaluation.predictions import model_clips, predict_from_audio, predict_from_store
from sentio_mobile.evaluation.results import (
    EvaluationRun,
    ModelEvaluation,
    Over,
    SplitName,
    published_for,
)
from sentio_mobile.evaluation.robustness import PerturbationResult, compare_rendering, measure_robustness
from sentio_mobile.evaluation.slices import slices
from sentio_mobile.evaluation.weak_labels import evaluate_weak_labels
from sentio_mobile.evaluation.worst_songs import error_factors, worst_songs
from sentio_mobile.metrics.bootstrap import RESAMPLES, Resampling, measure, resample, table_of
from sentio_mobile.metrics.ceiling import ceiling_in_words, known_ceiling
from sentio_mobile.metrics.evaluation import Bootstrap
from sentio_mobile.metrics.significance import compare_models
from sentio_mobile.models.checkpoint import package_versions
from sentio_mobile.spec import OUTPUTS
from sentio_mobile.training.datamodule import MIN_SONGS

Part = Literal["robustness", "latency"]

_LATENCY_SONGS = 3
_WARM_UP_RUNS = 2


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """What to evaluate, and how.

    Attributes:
        split: Songs to evaluate on: `test`, or `val` while models are still being chosen.
        over: What the bootstrap draws: songs, or whole groups of them.
        tolerance: Largest absolute error of a hit, in McNemar's test.
        seed: Random seed of the bootstrap.
        skip: Parts to leave out: `robustness` is that of perturbations; renderings are compared if they are given.
        music: Folder that the paths in songs.csv start from. Without it nothing is perturbed or timed, and only models
            with the front end of the prepared log-mels can be evaluated.
        renderings: Other renderings of the same songs, by name: a prepared folder, and the folder of its audio. Without
            the audio, only models with the front end of its log-mels are measured on it.
        weak_labels: Prepared music with weak labels that no model was trained on, and the folder of its audio, which
            models that need PCM or another front end cannot do without.
    """

    split: SplitName = "test"
    over: Over = "songs"
    tolerance: float = 0.2
    seed: int = 0
    skip: Collection[Part] = ()
    music: Path | None = None
    renderings: Mapping[str, tuple[PreparedData, Path | None]] = field(default_factory=dict)
    weak_labels: Sequence[tuple[PreparedData, WeakLabels, Path | None]] = ()


@dataclass(frozen=True, kw_only=True)
class _Songs:
    """The evaluated songs: all that is the same for every model.

    Attributes:
        data: The prepared songs.
        options: What to evaluate, and how.
        audio: Audio files by split; empty without `options.music`.
        resampling: Bootstrap weights of the songs.
        windows: The evaluated window of each song.
        factors: Properties of the songs that might explain errors.
    """

    data: PreparedData
    options: EvaluationOptions
    audio: Mapping[str, list[SongAudio]]
    resampling: Resampling
    windows: list[ClipRow]
    factors: Mapping[str, NDArray[np.float64]]


def evaluate_models(
    models: Sequence[EvaluatedModel], data: PreparedData, options: EvaluationOptions, progress: Progress | None = None
) -> EvaluationRun:
    """Evaluate every model on the same songs.

    Args:
        models: The models, with different names.
        data: The prepared songs.
        options: What to evaluate, and how.
        progress: Updated model by model.

    Raises:
        DataError: There are too few songs, or audio that is needed is missing.
        InputError: A model's predictions are not finite numbers.
    """
    progress = progress or NoProgress()
    split = data.split(options.split)
    if len(split) < MIN_SONGS:
        raise DataError(
            f"{data.folder} has {len(split)} {options.split} songs, and a CCC needs at least {MIN_SONGS}; prepare with "
            "other --fractions"
        )
    music = options.music
    audio = {} if music is None else {name: find_split_audio(data, name, music) for name in ("val", "test")}
    windows = first_windows(data, options.split)
    songs = _Songs(
        data=data,
        options=options,
        audio=audio,
        resampling=resample(len(split), options.seed, split.groups if options.over == "groups" else None),
        windows=windows,
        factors=error_factors(windows, split.labels, data.mels[split.rows]),
    )
    predictions = {model.name: _predict(model, songs, options.split, progress) for model in models}
    evaluations = [_evaluate(model, predictions[model.name], songs, progress) for model in models]
    if music is not None and "latency" not in options.skip:
        latencies = time_models(models, audio[options.split], progress)
        evaluations = [replace(one, latency=latencies[one.name]) for one in evaluations]
    return EvaluationRun(
        split=options.split,
        bootstrap=Bootstrap(resamples=RESAMPLES, seed=options.seed, over=options.over),
        tolerance=options.tolerance,
        data=data.origin,
        notes=tuple(_notes(models, songs)),
        models=tuple(evaluations),
        comparisons=tuple(compare_models(split.labels, predictions, songs.resampling, options.tolerance)),
        published=published_for(data),
        songs=split.song_ids,
        truth=_rounded(split.labels),
        versions=package_versions(),
    )


def time_models(models: Sequence[EvaluatedModel], songs: Sequence[SongAudio], progress: Progress) -> dict[str, Latency]:
    """Time all models in turns on the same songs, on one thread: from PCM to the prediction for one clip.

    The front end, or the features, are included. With pooling, a song takes this time for each of its clips.

    Args:
        models: The models, with different names.
        songs: Songs to time them with; the first three are used.
        progress: Updated round by round.
    """
    import torch
    from threadpoolctl import threadpool_limits

    clips = {model.name: [model_clips(song, model)[:1] for song in songs[:_LATENCY_SONGS]] for model in models}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            runners = {model.name: model.predict_clips for model in models}
            return measure_latency(runners, clips, runs=MIN_RUNS, warm_up=_WARM_UP_RUNS, progress=progress)
    finally:
        torch.set_num_threads(threads)


def _evaluate(model: EvaluatedModel, predicted: Predictions, songs: _Songs, progress: Progress) -> ModelEvaluation:
    options, resampling = songs.options, songs.resampling
    split = songs.data.split(options.split)
    return ModelEvaluation(
        name=model.name,
        kind=model.kind,
        parameters=model.parameters,
        training_seconds=model.training_seconds,
        is_baseline=model.is_baseline,
        metrics=table_of(measure(split.labels, predicted, resampling)),
        slices=tuple(
            slices(split.labels, predicted, split.groups, resampling, sources=[clip.source for clip in songs.windows])
        ),
        worst_songs=worst_songs(
            songs.windows, split.labels, predicted=predicted, factors=songs.factors, seed=options.seed
        ),
        calibration=_calibration(model, predicted, songs, progress)
        if options.split == "test" and len(songs.data.split("val"))
        else None,
        robustness=tuple(_robustness(model, predicted, songs, progress)),
        weak_labels=tuple(
            result
            for music, weak_labels, sound in options.weak_labels
            if (
                result := evaluate_weak_labels(
                    model,
                    music,
                    weak_labels=weak_labels,
                    seed=options.seed,
                    over_groups=options.over == "groups",
                    progress=progress,
                    music=sound,
                )
            )
        ),
        predicted=_rounded(predicted),
    )


def _calibration(model: EvaluatedModel, predicted: Predictions, songs: _Songs, progress: Progress) -> Calibration:
    return calibration(
        songs.data.split("val").labels,
        _predict(model, songs, "val", progress),
        truth=songs.data.split("test").labels,
        predicted=predicted,
        shipped=model.uncertainty,
    )


def _robustness(
    model: EvaluatedModel, predicted: Predictions, songs: _Songs, progress: Progress
) -> list[PerturbationResult]:
    """Perturbations, unless they are skipped, and the renderings that were given."""
    options = songs.options
    results = []
    if options.music is not None and "robustness" not in options.skip:
        results = measure_robustness(
            model,
            songs.audio[options.split],
            truth=songs.data.split(options.split).labels,
            resampling=songs.resampling,
            progress=progress,
        )
    for name, (rendering, music) in options.renderings.items():
        result = compare_rendering(
            model,
            songs.data,
            rendering=rendering,
            name=name,
            split=options.split,
            predicted=predicted,
            resampling=songs.resampling,
            progress=progress,
            music=music,
        )
        results += [result] if result else []
    return results


def _predict(model: EvaluatedModel, songs: _Songs, split: str, progress: Progress) -> Predictions:
    predictions = predict_from_store(model, songs.data, split, progress)
    if predictions is not None:
        return predictions
    if not songs.audio:
        raise DataError(
            f"{songs.data.folder} has no clips for {model.name}, which needs PCM or another front end; give the folder "
            "of the audio as --music"
        )
    return predict_from_audio(model, songs.audio[split], progress)


def _notes(models: Sequence[EvaluatedModel], songs: _Songs) -> list[str]:
    data, options = songs.data, songs.options
    split = data.split(options.split)
    groups = len(set(split.groups))
    notes = []
    if data.sheet.labels == "generated":
        notes.append("The music and its labels are generated: these figures say nothing about human listeners")
    if options.split != "test":
        notes.append(
            f"These are {options.split} songs. Models may have been chosen by them, so the figures are optimistic"
        )
    if ceiling := known_ceiling(split.labels, split.errors):
        notes.append(ceiling_in_words(ceiling))
    if groups < len(split) and options.over == "songs":
        notes.append(
            f"The {len(split)} songs come from {groups} groups. Songs of one group are alike, so intervals over songs "
            "are too narrow for new groups (use --over groups)"
        )
    for i, name in enumerate(OUTPUTS):
        if np.ptp(split.labels[:, i]) == 0:
            notes.append(f"All songs have the same {name}: its CCC, R2 and correlation are undefined")
    notes += [note for model in models if (note := _training_note(model, data))]
    silent = [
        f"{model.name} was not compared on {name}, which keeps no PCM: give its audio (--other-music {name}=FOLDER)"
        for model in models
        for name, (rendering, music) in options.renderings.items()
        if music is None and (model.predict_log_mels is None or model.audio.log_mel != rendering.audio.log_mel)
    ]
    notes += silent
    if options.music is None and "robustness" not in options.skip:
        notes.append("No song was perturbed and no model was timed: both need the audio (--music)")
    return notes


def _training_note(model: EvaluatedModel, data: PreparedData) -> str | None:
    """A model of other songs may have been trained on these too: a fingerprint cannot tell."""
    if model.training_data is None:
        return f"{model.name} does not record its training songs: it may have been trained on these"
    if model.training_data.fingerprint != data.sheet.fingerprint:
        source = model.training_data.source
        return (
            f"{model.name} was trained on another preparation ({source}): make sure that it was not trained on these "
            "songs"
        )
    return None


def _rounded(values: NDArray[np.floating]) -> tuple[tuple[float, float], ...]:
    return tuple(map(tuple, np.round(values, 4).astype(float).tolist()))
