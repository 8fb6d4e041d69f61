"""What a trained model is expected to be worth: predictions for songs that the models behind them had not heard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.records import Name, NonNegative, Record, read_record
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import DataError, RecordError
from sentio_mobile.metrics.agreement import retention
from sentio_mobile.metrics.bootstrap import RESAMPLES, Interval, measure, resample, table_of
from sentio_mobile.metrics.by_source import SourceName, by_source
from sentio_mobile.metrics.ceiling import known_ceiling
from sentio_mobile.metrics.evaluation import (
    MAX_SONGS,
    Bootstrap,
    Pairs,
    SplitEvaluation,
    split_evaluation,
)

ESTIMATE = "estimate.json"

Songs = Annotated[tuple[Name, ...], Meta(max_length=MAX_SONGS)]


class HeldOut(Record, frozen=True, kw_only=True):
    """Predictions for songs by models that were trained without them and without their groups."""

    songs: Songs  # song ids
    groups: Songs  # group of each song
    truth: Pairs  # labels of the songs
    teacher: Pairs | None  # predictions of the teacher; None without one
    student: Pairs  # predictions of the student in fp32
    int8: Pairs | None  # predictions of the student in int8; None where no artifact could be made or run
    # standard errors of the labels, as means over raters; None where one of them is unknown
    errors: Annotated[tuple[tuple[NonNegative, NonNegative], ...], Meta(max_length=MAX_SONGS)] | None = None
    # data set of each song, where several were prepared together
    sources: Annotated[tuple[SourceName, ...], Meta(max_length=MAX_SONGS)] | None = None

    def check(self) -> None:
        """Every song must have a group, a label and predictions."""
        for name in ("groups", "truth", "teacher", "student", "int8", "errors", "sources"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.songs):
                raise RecordError(f"{name} must have a value for each of {len(self.songs)} songs")


class Schooling(Record, frozen=True, kw_only=True):
    """What a student learned from."""

    songs: Annotated[int, Meta(ge=1, le=MAX_SONGS)]  # labelled songs
    steps: Annotated[int, Meta(ge=0, le=100_000_000)]  # training steps; 0 where only a head was fitted

    def __str__(self) -> str:
        return f"{self.songs:,} labelled songs" + (f" in {self.steps:,} steps" if self.steps else "")


class TrainEstimate(Record, frozen=True, kw_only=True):
    """estimate.json: how well teacher and student predict songs that they were not trained on."""

    how: Literal["cross-validation", "test songs"]  # where the songs come from
    models: Annotated[int, Meta(ge=1, le=100)]  # models that were judged: the folds, or 1
    judged: Schooling  # what each judged model had learned from, in the mean
    kept: Schooling  # what the model that is kept has learned from
    teacher: SplitEvaluation | None  # the teacher; None without one
    student: SplitEvaluation  # the student in fp32
    int8: SplitEvaluation | None  # the student in int8
    retention: Interval | None  # the student's mean CCC over the teacher's

    @property
    def schooling(self) -> str:
        """In a line, what the judged models had, and what the one that is kept has."""
        if self.how == "test songs":
            return f"judged: the model itself, which learned from {self.kept}"
        judged = f"{self.models} models that learned from {self.judged} each"
        return f"judged: {judged}; kept: one that learns from {self.kept}"

    @property
    def rows(self) -> dict[str, SplitEvaluation]:
        """The models that were measured, by the words that tables have for them."""
        made = "out of fold" if self.how == "cross-validation" else "test songs"
        found = {
            f"teacher, {made}": self.teacher,
            f"student, {made}": self.student,
            f"student int8, {made}": self.int8,
        }
        return {name: one for name, one in found.items() if one is not None}


def held_out_of(
    data: PreparedData,
    student: NDArray[np.floating],
    *,
    teacher: NDArray[np.floating] | None,
    int8: NDArray[np.floating] | None,
) -> HeldOut:
    """The record of predictions for the test songs of a prepared folder [songs, 2], each."""
    test = data.split("test")
    return HeldOut(
        songs=test.song_ids,
        groups=test.groups,
        truth=_pairs(test.labels),
        teacher=None if teacher is None else _pairs(teacher),
        student=_pairs(student),
        int8=None if int8 is None else _pairs(int8),
        errors=tuple((float(one), float(other)) for one, other in test.errors) if _known(test.errors) else None,
        sources=test.sources,
    )


def join_held_out(parts: Sequence[HeldOut]) -> HeldOut:
    """The held-out songs of all folds together."""

    def joined(name: str) -> tuple[Any, ...] | None:
        values = [getattr(part, name) for part in parts]
        return None if any(value is None for value in values) else tuple(one for value in values for one in value)

    return HeldOut(
        songs=tuple(song for part in parts for song in part.songs),
        groups=tuple(group for part in parts for group in part.groups),
        truth=joined("truth") or (),
        teacher=joined("teacher"),
        student=joined("student") or (),
        int8=joined("int8"),
        errors=joined("errors"),
        sources=joined("sources"),
    )


def estimate_of(
    held_out: HeldOut,
    how: Literal["cross-validation", "test songs"],
    *,
    models: int,
    judged: Schooling,
    kept: Schooling,
    seed: int,
) -> TrainEstimate:
    """Measure the models behind predictions for held-out songs.

    Intervals are over groups where songs have groups in common: songs of one album are no independent evidence.

    Args:
        held_out: The predictions.
        how: Where the songs come from.
        models: Models that were judged.
        judged: What each of them had learned from, in the mean.
        kept: What the model that is kept has learned from.
        seed: Random seed of the bootstrap.
    """
    truth = np.array(held_out.truth)
    by_group = len(set(held_out.groups)) < len(held_out.groups)
    draws = resample(len(truth), seed, held_out.groups if by_group else None)
    bootstrap = Bootstrap(resamples=RESAMPLES, seed=seed, over="groups" if by_group else "songs")

    ceiling = None if held_out.errors is None else known_ceiling(truth, np.array(held_out.errors))

    def evaluated(predicted: Sequence[tuple[float, float]] | None) -> SplitEvaluation | None:
        if predicted is None:
            return None
        values = np.array(predicted)
        return split_evaluation(
            table_of(measure(truth, values, draws)),
            songs=held_out.songs,
            truth=truth,
            predicted=values,
            bootstrap=bootstrap,
            ceiling=ceiling,
            sources=by_source(truth, values, sources=held_out.sources or (), draws=draws),
        )

    student = evaluated(held_out.student)
    assert student is not None
    followed = None
    if held_out.teacher is not None:
        followed = retention(truth, np.array(held_out.student), np.array(held_out.teacher), seed)
    return TrainEstimate(
        how=how,
        models=models,
        judged=judged,
        kept=kept,
        teacher=evaluated(held_out.teacher),
        student=student,
        int8=evaluated(held_out.int8),
        retention=followed,
    )


def _known(errors: NDArray[np.floating]) -> bool:
    return bool(np.isfinite(errors).all())


def _pairs(predicted: NDArray[np.floating]) -> tuple[tuple[float, float], ...]:
    """Predictions [songs, 2] as a record has them."""
    values = np.clip(np.asarray(predicted, dtype=np.float64), -1, 1).round(6)
    return tuple((float(valence), float(arousal)) for valence, arousal in values)


def read_estimate(folder: Path) -> TrainEstimate:
    """Read estimate.json from the folder of a run.

    Raises:
        DataError: It is missing or damaged.
    """
    return read_record(TrainEstimate, folder / ESTIMATE, DataError)
