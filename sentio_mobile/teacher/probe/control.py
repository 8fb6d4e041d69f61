"""The control of a probe: a quick Ridge regression on the labels, and on shuffled ones that say nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.metrics.agreement import ccc
from sentio_mobile.spec import OUTPUTS
from sentio_mobile.teacher.probe.cv import TrainingClips, group_folds
from sentio_mobile.teacher.probe.sheet import OutputControl, ShuffleControl

_ALPHA = 100.0
"""Ridge's penalty: fixed, so that labels and shuffled labels are treated alike."""


def shuffle_control(
    clips: TrainingClips,
    songs: NDArray[np.int64],
    *,
    probe_ccc: NDArray[np.float64],
    folds: int,
    shuffles: int,
    seed: int,
) -> ShuffleControl:
    """Compare labels with shuffled ones, by the out-of-fold CCC of a Ridge regression.

    Args:
        clips: The training clips.
        songs: Number of each clip's song [clips]. All windows of a song get the labels of one other song.
        probe_ccc: The probe's own out-of-fold CCC of valence and arousal.
        folds: Number of folds.
        shuffles: Number of shuffles.
        seed: Random seed.
    """
    from sklearn.linear_model import Ridge

    random = np.random.default_rng(seed)
    count = int(songs.max()) + 1
    first = np.array([np.flatnonzero(songs == song)[0] for song in range(count)])
    labels = [clips.labels, *(clips.labels[first[random.permutation(count)[songs]]] for _ in range(shuffles))]
    targets = np.concatenate(labels, axis=1).astype(np.float64)
    x = clips.inputs.matrix(("mean", "features") if clips.has_features else ("mean",)).astype(np.float64)
    fold_of, predicted = group_folds(clips.groups, folds, seed), np.zeros_like(targets)
    for fold in range(folds):
        held_out = fold_of == fold
        centre, scale = x[~held_out].mean(axis=0), x[~held_out].std(axis=0) + 1e-9
        model = Ridge(alpha=_ALPHA).fit((x[~held_out] - centre) / scale, targets[~held_out])
        predicted[held_out] = model.predict((x[held_out] - centre) / scale)
    found = np.nan_to_num(ccc(targets, predicted)).reshape(1 + shuffles, len(OUTPUTS))
    limits = np.quantile(found[1:], 0.95, axis=0)
    valence, arousal = (
        OutputControl(
            ccc=float(found[0, i]),
            shuffled=float(limits[i]),
            informative=bool(min(found[0, i], probe_ccc[i]) > limits[i]),
        )
        for i in range(len(OUTPUTS))
    )
    return ShuffleControl(shuffles=shuffles, valence=valence, arousal=arousal)
