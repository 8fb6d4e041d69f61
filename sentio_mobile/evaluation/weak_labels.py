"""How well answers tell high from low, on music of which nothing else is known: the area under the ROC curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile.data.prepared import UNLABELLED, PreparedData
from sentio_mobile.data.weak_labels import WeakLabels
from sentio_mobile.evaluation.evaluated_model import EvaluatedModel
from sentio_mobile.evaluation.predictions import answers_from_store
from sentio_mobile.metrics.bootstrap import Interval, Resampling, interval_of, resample
from sentio_mobile.spec import OUTPUTS


@dataclass(frozen=True)
class Sided:
    """How well a model tells high from low on some music.

    Attributes:
        name: of the music.
        clips: how many clips it has.
        areas: under the curve, of valence and arousal: 1 is always right, 0.5 is chance.
    """

    name: str
    clips: int
    areas: dict[str, Interval]


def sided(
    subject: EvaluatedModel, data: PreparedData, *, sides: WeakLabels, seed: int, over_groups: bool, progress: Progress
) -> Sided | None:
    """Let a model hear music of which only the sides are known; None where it wants the sound itself.

    Args:
        subject: the model.
        data: the music, prepared without labels.
        sides: high or low, by song.
        seed: of the bootstrap.
        over_groups: whether the bootstrap draws whole groups of clips.
        progress: shown clip by clip.

    Raises:
        DataError: no clip of the music is listed, or the folder has labels.
    """
    known = sides.of(data)
    answers = answers_from_store(subject, data, UNLABELLED, progress)
    if answers is None:
        return None
    groups = data.split(UNLABELLED).groups if over_groups else None
    found = areas_of_runs(known, answers[None], resample(len(known), seed, groups))
    return Sided(data.folder.resolve().name, len(known), found)


def areas(high: NDArray[np.bool_], answers: NDArray[np.floating], resampling: Resampling) -> NDArray[np.float64]:
    """The share of pairs, one high and one low, of which the high one is answered higher; a tie counts half.

    Args:
        high: whether each song is high [songs].
        answers: what is said of each [songs].
        resampling: of these songs.

    Returns:
        For all weights [1 + resamples]; NaN where there is nothing high, or nothing low. Chance is 0.5.
    """
    upper, lower = answers[high][:, None], answers[~high][None]
    above = (upper > lower) + 0.5 * (upper == lower)
    of_high, of_low = resampling.weights[:, high], resampling.weights[:, ~high]
    pairs = of_high.sum(axis=1) * of_low.sum(axis=1)
    right = ((of_high @ above) * of_low).sum(axis=1)
    return np.divide(right, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def areas_of_runs(
    sides: NDArray[np.floating], answers: NDArray[np.floating], resampling: Resampling
) -> dict[str, Interval]:
    """The area for valence and for arousal in the mean over runs, with bootstrap intervals, over what is known.

    Args:
        sides: -1 low, 1 high, 0 not known [songs, 2].
        answers: of each run [runs, songs, 2].
        resampling: of these songs.
    """
    found = {}
    for i, name in enumerate(OUTPUTS):
        known = sides[:, i] != 0
        high, draws = sides[known, i] > 0, resampling.of(known)
        found[name] = interval_of(np.mean([areas(high, run[known, i], draws) for run in answers], axis=0))
    return found
