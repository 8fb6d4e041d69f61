"""What a probe's out-of-fold predictions show: agreement, high against low, the control, and what to be warned of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.data.clip_table import ClipRow
from sentio_mobile.data.weak_labels import WeakLabels
from sentio_mobile.errors import DataError
from sentio_mobile.metrics.agreement import ccc
from sentio_mobile.metrics.auc import auc
from sentio_mobile.metrics.bootstrap import (
    RESAMPLES,
    UNDEFINED,
    Interval,
    Resampling,
    interval_of,
    measure,
    resample,
    table_of,
)
from sentio_mobile.metrics.by_source import by_source
from sentio_mobile.metrics.ceiling import known_ceiling
from sentio_mobile.metrics.evaluation import Bootstrap, split_evaluation
from sentio_mobile.spec import OUTPUTS
from sentio_mobile.teacher.probe.config import ProbeRecipe
from sentio_mobile.teacher.probe.control import shuffle_control
from sentio_mobile.teacher.probe.cv import TrainingClips
from sentio_mobile.teacher.probe.sheet import AucTable, ProbeEvaluation, ShuffleControl

_FEW = 40
"""Songs below which an estimate says little."""


def evaluate_probe(
    clips: TrainingClips,
    *,
    windows: Sequence[ClipRow],
    predicted: NDArray[np.float32],
    recipe: ProbeRecipe,
    weak_labels: WeakLabels | None,
    notes: Sequence[str] = (),
) -> ProbeEvaluation:
    """Judge out-of-fold predictions. Intervals are over groups, and metrics over the songs' first windows.

    Args:
        clips: The training clips.
        windows: Their rows in songs.csv.
        predicted: Out-of-fold predictions [clips, 2].
        recipe: Settings of the probe.
        weak_labels: High or low by song, for the AUC; None for labels above 0.
        notes: More lines that a user must know, such as what was left out.

    Raises:
        DataError: The weak labels list none of the songs.
    """
    first = np.array([window.window == 0 for window in windows])
    firsts = [window for window in windows if window.window == 0]
    truth, found = clips.labels[first], predicted[first]
    draws = resample(len(truth), recipe.seed, [window.group for window in firsts])
    songs = split_evaluation(
        table_of(measure(truth, found, draws)),
        songs=tuple(window.song_id for window in firsts),
        truth=truth,
        predicted=found,
        bootstrap=Bootstrap(resamples=RESAMPLES, seed=recipe.seed, over="groups"),
        ceiling=known_ceiling(truth, np.array([window.errors for window in firsts])),
        sources=by_source(truth, found, sources=[window.source for window in firsts], draws=draws),
    )
    song_ids = np.array([window.song_id for window in windows])[clips.fitted]
    control = shuffle_control(
        clips.of(clips.fitted),
        np.unique(song_ids, return_inverse=True)[1],
        probe_ccc=np.nan_to_num(ccc(truth, found)),
        folds=recipe.folds,
        shuffles=recipe.shuffles,
        seed=recipe.seed,
    )
    sides = np.sign(truth) if weak_labels is None else _sides(weak_labels, firsts)
    return ProbeEvaluation(
        folds=recipe.folds,
        groups=len(np.unique(clips.groups)),
        clips=len(windows),
        songs=songs,
        auc=_auc_table(sides, found, draws, "labels above 0" if weak_labels is None else weak_labels.path.name),
        control=control,
        warnings=(*notes, *_warnings(control, len(firsts))),
    )


def _sides(weak_labels: WeakLabels, firsts: Sequence[ClipRow]) -> NDArray[np.float32]:
    sides = np.array([weak_labels.by_song.get(one.song_id, (0.0, 0.0)) for one in firsts], dtype=np.float32)
    if not sides.any():
        raise DataError(
            f"{weak_labels.path}: lists none of the songs, such as {firsts[0].song_id!r}; check its song_id"
        )
    return sides


def _auc_table(sides: NDArray[np.floating], predicted: NDArray[np.float32], draws: Resampling, high: str) -> AucTable:
    """Areas by output, and of valence within calm and within energetic songs. Sides are -1, 0 (unknown) or 1."""

    def area(output: int, chosen: NDArray[np.bool_]) -> Interval:
        known = chosen & (sides[:, output] != 0)
        if len(np.unique(sides[known, output])) < 2:
            return UNDEFINED
        return interval_of(auc(sides[known, output] > 0, predicted[known, output], draws.of(known)))

    everything = np.ones(len(sides), dtype=np.bool_)
    return AucTable(
        high=high,
        valence=area(0, everything),
        arousal=area(1, everything),
        valence_when_calm=area(0, sides[:, 1] < 0),
        valence_when_energetic=area(0, sides[:, 1] > 0),
    )


def _warnings(control: ShuffleControl, songs: int) -> Iterator[str]:
    if songs < _FEW:
        yield f"only {songs} songs: the out-of-fold figures are uncertain, as their intervals show"
    for name, one in zip(OUTPUTS, (control.valence, control.arousal), strict=True):
        if not one.informative:
            yield (
                f"the labels of {name} say no more than shuffled ones (a Ridge regression's CCC is {one.ccc:.2f}, on "
                f"shuffled labels up to {one.shuffled:.2f}): do not use this probe's {name}; check how songs were "
                "labelled, and that labels belong to their songs"
            )
