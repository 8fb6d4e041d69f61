"""Agreement between what a model says of songs and what people said, with intervals, on whole sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.metrics.bootstrap import RESAMPLES, UNDEFINED, Interval, interval_of, measure, resample, table_of
from sentio_mobile.spec import OUTPUTS


def ccc(truth: NDArray[np.floating], predicted: NDArray[np.floating]) -> NDArray[np.float64]:
    """Lin's concordance correlation coefficient over the last axis but one (Lin 1989, equation 1).

    Population moments (ddof 0), where torchmetrics' ConcordanceCorrCoef has sample moments.

    Args:
        truth: [..., songs, outputs].
        predicted: the same shape.

    Returns:
        [..., outputs] in [-1, 1]; NaN where truth and prediction are both constant and equal.
    """
    t, p = np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    t_mean, p_mean = t.mean(axis=-2), p.mean(axis=-2)
    covariance = ((t - t_mean[..., None, :]) * (p - p_mean[..., None, :])).mean(axis=-2)
    scale = t.var(axis=-2) + p.var(axis=-2) + (t_mean - p_mean) ** 2
    return np.divide(2 * covariance, scale, out=np.full_like(scale, np.nan), where=scale > 0)


def evaluate(
    song_ids: tuple[str, ...], truth: NDArray[np.float32], predicted: NDArray[np.float32], seed: int
) -> dict[str, Any]:
    """Every metric of one set of songs as plain JSON values, with the predictions that they were computed from.

    Args:
        song_ids: the songs.
        truth: labels [songs, 2] in [-1, 1].
        predicted: answers [songs, 2] in [-1, 1].
        seed: of the bootstrap over songs.
    """
    table = table_of(measure(truth, predicted, resample(len(song_ids), seed)))
    metrics: dict[str, Any] = {
        name: {"ccc": asdict(table[name]["ccc"]), **{m: table[name][m].value for m in ("mae", "rmse", "r2", "pearson")}}
        for name in OUTPUTS
    }
    metrics["mean"] = {"ccc": asdict(table["mean"]["ccc"])}
    return {
        "n": len(song_ids),
        "bootstrap": {"resamples": RESAMPLES, "seed": seed, "over": "songs"},
        "metrics": metrics,
        "songs": list(song_ids),
        "truth": np.round(truth, 4).astype(float).tolist(),
        "predicted": np.round(predicted, 4).astype(float).tolist(),
    }


def retention(
    truth: NDArray[np.float32], student: NDArray[np.float32], teacher: NDArray[np.float32], seed: int
) -> Interval:
    """Student's mean CCC over the teacher's on the same songs, with a paired bootstrap interval.

    Undefined when the teacher's CCC is not above zero, for there is then nothing to keep.
    """
    return retention_of_runs(truth, student[None], teacher, seed)


def retention_of_runs(
    truth: NDArray[np.float32], students: NDArray[np.float32], teacher: NDArray[np.float32], seed: int
) -> Interval:
    """The same of several students in the mean: their mean CCC over that of their one teacher.

    Args:
        truth: labels [songs, 2] in [-1, 1].
        students: answers of each run [runs, songs, 2].
        teacher: answers [songs, 2].
        seed: of the bootstrap over songs.
    """
    return retention_of_pairs(truth, students, teacher[None], seed)


def retention_of_pairs(
    truth: NDArray[np.float32], students: NDArray[np.float32], teachers: NDArray[np.float32], seed: int
) -> Interval:
    """The same of several students and their teachers: the students' mean CCC over that of the teachers.

    A ratio of means and not a mean of ratios, in which one weak teacher would weigh most.

    Args:
        truth: labels [songs, 2] in [-1, 1].
        students: answers of each run [runs, songs, 2].
        teachers: answers of each teacher [runs, songs, 2]; one may have taught several students.
        seed: of the bootstrap over songs.
    """
    kept, given = (_means_of_runs(truth, answers, seed) for answers in (students, teachers))
    if not given[0] > 0:
        return UNDEFINED
    return interval_of(np.divide(kept, given, out=np.full_like(given, np.nan), where=given > 0))


def _means_of_runs(truth: NDArray[np.float32], answers: NDArray[np.float32], seed: int) -> NDArray[np.float64]:
    """CCC in the mean over outputs and runs, of the songs themselves and of each resample [1 + resamples]."""
    point = ccc(truth, answers).mean()
    samples = [ccc(*_resampled(seed, truth, run)).mean(axis=1) for run in answers]
    return np.concatenate([[point], np.mean(samples, axis=0)])


def paired_difference(
    truth: NDArray[np.float32], first: NDArray[np.float32], second: NDArray[np.float32], seed: int
) -> dict[str, Interval]:
    """The second's CCC less the first's on the same songs, by output and in the mean, with paired bootstrap intervals.

    Args:
        truth: labels [songs, 2] in [-1, 1].
        first: answers [songs, 2].
        second: answers [songs, 2].
        seed: of the bootstrap over songs.
    """
    return paired_difference_of_runs(truth, first[None], second[None], seed)


def paired_difference_of_runs(
    truth: NDArray[np.float32], first: NDArray[np.float32], second: NDArray[np.float32], seed: int
) -> dict[str, Interval]:
    """The same in the mean over runs, such as seeds: songs are resampled for all runs alike.

    The intervals are over songs, for these runs; what other seeds would bring is not in them.

    Args:
        truth: labels [songs, 2] in [-1, 1].
        first: answers of each run [runs, songs, 2].
        second: answers of each run [runs, songs, 2].
        seed: of the bootstrap over songs.
    """
    return _of_runs(truth, seed, lambda t, i: ccc(t, second[:, i]) - ccc(t, first[:, i]))


def mean_of_runs(truth: NDArray[np.float32], answers: NDArray[np.float32], seed: int) -> dict[str, Interval]:
    """CCC in the mean over runs, by output and in the mean, with bootstrap intervals over songs.

    Args:
        truth: labels [songs, 2] in [-1, 1].
        answers: of each run [runs, songs, 2].
        seed: of the bootstrap over songs.
    """
    return _of_runs(truth, seed, lambda t, i: ccc(t, answers[:, i]))


def _of_runs(
    truth: NDArray[np.float32], seed: int, measure: Callable[[NDArray[np.float32], Any], NDArray[np.float64]]
) -> dict[str, Interval]:
    """Means over runs of what `measure` makes of songs, given their labels and indices: [runs, outputs]."""
    chosen = np.random.default_rng(seed).integers(0, len(truth), size=(RESAMPLES, len(truth)))
    point = measure(truth, slice(None)).mean(axis=0)
    samples = np.stack([measure(truth[i], i).mean(axis=0) for i in chosen])
    intervals = {name: _interval(point[i], samples[:, i]) for i, name in enumerate(OUTPUTS)}
    return {**intervals, "mean": _interval(point.mean(), samples.mean(axis=1))}


def _resampled(seed: int, *sets: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The same resampled songs of each set [resamples, songs, outputs]."""
    n = len(sets[0])
    chosen = np.random.default_rng(seed).integers(0, n, size=(RESAMPLES, n))
    return [np.asarray(s)[chosen] for s in sets]


def _interval(value: float, samples: NDArray[np.float64]) -> Interval:
    return interval_of(np.concatenate([[value], samples]))
