"""Agreement between predictions and labels on whole sets of songs, with bootstrap intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.quantities import millions
from sentio_mobile.metrics.bootstrap import (
    UNDEFINED,
    Interval,
    Intervals,
    Resampling,
    by_dimension,
    concordance,
    interval_of,
    measure,
    resample,
)


def ccc(truth: NDArray[np.floating], predicted: NDArray[np.floating]) -> NDArray[np.float64]:
    """Lin's concordance correlation coefficient over the last axis but one (Lin 1989, equation 1).

    Population moments (ddof 0), where torchmetrics' ConcordanceCorrCoef has sample moments.

    Args:
        truth: Labels [..., songs, outputs].
        predicted: Predictions of the same shape.

    Returns:
        [..., outputs] in [-1, 1]; NaN where all labels are equal.
    """
    t, p = np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    t_mean, p_mean = t.mean(axis=-2), p.mean(axis=-2)
    covariance = ((t - t_mean[..., None, :]) * (p - p_mean[..., None, :])).mean(axis=-2)
    return concordance(covariance, t.var(axis=-2), p.var(axis=-2), t_mean - p_mean)


def retention(
    truth: NDArray[np.floating], student: NDArray[np.floating], teacher: NDArray[np.floating], seed: int
) -> Interval:
    """The student's mean CCC over the teacher's on the same songs, with a paired bootstrap interval.

    Undefined when the teacher's CCC is not above zero: there is then nothing to retain.

    Args:
        truth: Labels [songs, 2] in [-1, 1].
        student: Predictions of the student [songs, 2].
        teacher: Predictions of the teacher [songs, 2].
        seed: Random seed for the bootstrap over songs.
    """
    return retention_of_runs(truth, student[None], teacher, seed)


def weak_teacher(retained: Interval | None, *, teacher: int | None = None, student: int | None = None) -> str | None:
    """What shows that a teacher is weak, in words; None where nothing does.

    A student that is better than its teacher owes that to its labels, and a teacher with fewer parameters than its
    student leaves nothing to be made smaller. Both are named wherever a retention is.

    Args:
        retained: The student's mean CCC over the teacher's; None where it was not measured.
        teacher: Parameters of the teacher; None where it is no network.
        student: Parameters of the student.
    """
    signs = []
    if retained is not None and retained.value is not None and retained.low is not None and retained.value > 1:
        better = "its student is better than it" if retained.low > 1 else "its student is no worse than it"
        signs.append(f"{better} (retention {retained})")
    if teacher is not None and student is not None and teacher < student:
        signs.append(f"it is the smaller network ({millions(teacher)} parameters against {millions(student)})")
    return f"weak teacher: {', and '.join(signs)}" if signs else None


def retention_of_runs(
    truth: NDArray[np.floating], students: NDArray[np.floating], teacher: NDArray[np.floating], seed: int
) -> Interval:
    """Retention of several students of one teacher: their mean CCC over the teacher's.

    Args:
        truth: Labels [songs, 2] in [-1, 1].
        students: Predictions of each run [runs, songs, 2].
        teacher: Predictions of the teacher [songs, 2].
        seed: Random seed for the bootstrap over songs.
    """
    return retention_of_pairs(truth, students, teacher[None], seed)


def retention_of_pairs(
    truth: NDArray[np.floating], students: NDArray[np.floating], teachers: NDArray[np.floating], seed: int
) -> Interval:
    """Retention of several students and their teachers: the students' mean CCC over the teachers'.

    A ratio of means and not a mean of ratios, in which one weak teacher would weigh most.

    Args:
        truth: Labels [songs, 2] in [-1, 1].
        students: Predictions of each student [runs, songs, 2].
        teachers: Predictions of each teacher [runs, songs, 2]; one teacher may have several students.
        seed: Random seed for the bootstrap over songs.
    """
    resampling = resample(len(truth), seed)
    student_ccc, teacher_ccc = (
        _ccc_of_runs(truth, predictions, resampling).mean(axis=1) for predictions in (students, teachers)
    )
    if not teacher_ccc[0] > 0:
        return UNDEFINED
    ratios = np.divide(student_ccc, teacher_ccc, out=np.full_like(teacher_ccc, np.nan), where=teacher_ccc > 0)
    return interval_of(ratios)


def paired_difference(
    truth: NDArray[np.floating], first: NDArray[np.floating], second: NDArray[np.floating], seed: int
) -> Intervals:
    """The second's CCC minus the first's on the same songs, with paired bootstrap intervals.

    Args:
        truth: Labels [songs, 2] in [-1, 1].
        first: Predictions of the first model [songs, 2].
        second: Predictions of the second model [songs, 2].
        seed: Random seed for the bootstrap over songs.

    Returns:
        Differences of valence, arousal and the mean of the two.
    """
    return paired_difference_of_runs(truth, first[None], second[None], seed)


def paired_difference_of_runs(
    truth: NDArray[np.floating], first: NDArray[np.floating], second: NDArray[np.floating], seed: int
) -> Intervals:
    """Difference of CCC in the mean over runs, such as seeds: songs are resampled for all runs alike.

    The intervals are over songs, for these runs. They do not include the variation between seeds.

    Args:
        truth: Labels [songs, 2] in [-1, 1].
        first: Predictions of each run of the first model [runs, songs, 2].
        second: Predictions of each run of the second model [runs, songs, 2].
        seed: Random seed for the bootstrap over songs.

    Returns:
        Differences of valence, arousal and the mean of the two.
    """
    resampling = resample(len(truth), seed)
    return by_dimension(_ccc_of_runs(truth, second, resampling) - _ccc_of_runs(truth, first, resampling))


def mean_of_runs(truth: NDArray[np.floating], predictions: NDArray[np.floating], seed: int) -> Intervals:
    """CCC in the mean over runs, with bootstrap intervals over songs.

    Args:
        truth: Labels [songs, 2] in [-1, 1].
        predictions: Predictions of each run [runs, songs, 2].
        seed: Random seed for the bootstrap over songs.

    Returns:
        CCC of valence, arousal and the mean of the two.
    """
    return by_dimension(_ccc_of_runs(truth, predictions, resample(len(truth), seed)))


def _ccc_of_runs(
    truth: NDArray[np.floating], predictions: NDArray[np.floating], resampling: Resampling
) -> NDArray[np.float64]:
    """CCC in the mean over runs, for the songs themselves and for each resample [1 + resamples, 2]."""
    runs = [measure(truth, predicted, resampling)["ccc"] for predicted in predictions]
    return np.asarray(np.mean(runs, axis=0), dtype=np.float64)
