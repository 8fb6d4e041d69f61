"""Nested grouped cross-validation: every choice is made inside the training part of each outer fold.

The outer folds give each training clip a prediction by an ensemble that never heard its group. The inner folds choose
each member's settings and which members there are. So the outer predictions judge the whole procedure, choices
included, and can serve as pseudo-labels of the training clips.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile.metrics.agreement import ccc
from sentio_mobile.spec import OUTPUTS
from sentio_mobile.teacher.probe.config import ProbeRecipe
from sentio_mobile.teacher.probe.fit import Candidate, candidates, fit_members
from sentio_mobile.teacher.probe.members import Inputs, Member

_ROUNDS = 12
"""Members that greedy selection adds at most, one after another; the same one may be added again and weighs more."""

_GAIN = 1e-3
"""What another member must add to the score."""

_DRAWS = 100
"""Bootstrap samples behind a standard error."""

MAX_STRETCH = 4.0
"""Where predictions hardly vary, they know little; they are not stretched further than this."""

Score = Callable[[NDArray[np.floating], NDArray[np.floating]], float]
"""Agreement of labels [clips] with predictions [clips]."""


@dataclass(frozen=True, kw_only=True)
class TrainingClips:
    """Clips with labels.

    Attributes:
        inputs: Their inputs.
        labels: Valence and arousal in [-1, 1] [clips, 2].
        groups: Number of each clip's group [clips].
        fitted: Which clips regressors are fitted on [clips]. The others are predicted with their group: perturbed
            copies, which would only repeat what the sound itself says.
        weights: How much each label counts [clips, 2]; None if all count alike.
    """

    inputs: Inputs
    labels: NDArray[np.float32]
    groups: NDArray[np.int64]
    fitted: NDArray[np.bool_]
    weights: NDArray[np.float32] | None = None

    def of(self, clips: NDArray[np.bool_]) -> TrainingClips:
        """Some of the clips, given by a mask [clips]."""
        return TrainingClips(
            inputs=self.inputs.of(clips),
            labels=self.labels[clips],
            groups=self.groups[clips],
            fitted=self.fitted[clips],
            weights=None if self.weights is None else self.weights[clips],
        )

    @property
    def has_features(self) -> bool:
        """Whether the 164 features are known."""
        return "features" in self.inputs.parts


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The members of one output, before they are fitted.

    Attributes:
        candidates: What they are.
        weights: Weight of each in the sum.
        offset: Added to the sum.
    """

    candidates: tuple[Candidate, ...]
    weights: tuple[float, ...]
    offset: float


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """The fitted members of one output, with weights and offset as in `Choice`."""

    members: tuple[Member, ...]
    weights: tuple[float, ...]
    offset: float

    def predict(self, inputs: Inputs) -> NDArray[np.float64]:
        """Weighted sum of the members' predictions, limited to [-1, 1] [clips]."""
        total = sum(weight * one.predict(inputs) for weight, one in zip(self.weights, self.members, strict=True))
        return np.clip(self.offset + total, -1, 1)


def group_folds(groups: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each clip [clips]: whole groups, folds of about the same size, drawn by a seed.

    Args:
        groups: Number of each clip's group [clips].
        folds: Number of folds; there are as many groups at least.
        seed: Random seed.
    """
    random = np.random.default_rng(seed)
    names, sizes = np.unique(groups, return_counts=True)
    order = random.permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    fold_of_group, filled = np.zeros(len(names), dtype=np.int64), np.zeros(folds)
    for group in order:
        smallest = int(np.argmin(filled))
        fold_of_group[group] = smallest
        filled[smallest] += sizes[group]
    return fold_of_group[np.searchsorted(names, groups)]


def choose(clips: TrainingClips, recipe: ProbeRecipe) -> tuple[Choice, ...]:
    """Choose the members of each output, their settings and their spread by a grouped cross-validation.

    Args:
        clips: The training clips.
        recipe: Settings of the probe.
    """
    clips = _some_groups(clips.of(clips.fitted), recipe)
    folds = min(recipe.inner_folds, len(np.unique(clips.groups)))
    if folds < 2:
        first = next(candidates(recipe, clips.has_features))[0]
        return (Choice(candidates=(first,), weights=(1.0,), offset=0.0),) * len(OUTPUTS)
    fold_of = group_folds(clips.groups, folds, recipe.seed + 1)
    score = _correlation if recipe.spread == "labels" else _concordance
    best: list[list[tuple[Candidate, NDArray[np.float64]]]] = [[] for _ in OUTPUTS]
    for alternatives in candidates(recipe, clips.has_features):
        found = [_out_of_fold(one, clips, fold_of, recipe.seed) for one in alternatives]
        for output, kept in enumerate(best):
            scores = [score(clips.labels[:, output], predicted[:, output]) for predicted in found]
            number = int(np.argmax(scores))
            kept.append((alternatives[number], found[number][:, output]))
    return tuple(
        _combine(kept, clips.labels[:, output].astype(np.float64), groups=clips.groups, recipe=recipe, score=score)
        for output, kept in enumerate(best)
    )


def fit_ensemble(clips: TrainingClips, choice: Sequence[Choice], seed: int) -> tuple[Ensemble, ...]:
    """Fit the chosen members of each output on the clips that are for it."""
    clips = clips.of(clips.fitted)
    return tuple(
        Ensemble(
            members=tuple(
                fit_members(one, clips.inputs, clips.labels, seed=seed, weights=clips.weights)[output]
                for one in chosen.candidates
            ),
            weights=chosen.weights,
            offset=chosen.offset,
        )
        for output, chosen in enumerate(choice)
    )


def predict_ensembles(ensembles: Sequence[Ensemble], inputs: Inputs) -> NDArray[np.float32]:
    """Valence and arousal [clips, 2] in [-1, 1]."""
    return np.stack([one.predict(inputs) for one in ensembles], axis=1).astype(np.float32)


def nested_predictions(clips: TrainingClips, recipe: ProbeRecipe, progress: Progress) -> NDArray[np.float32]:
    """Predict every clip by an ensemble that was chosen and fitted without its group [clips, 2].

    Args:
        clips: The training clips.
        recipe: Settings of the probe.
        progress: Updated fold by fold.
    """
    fold_of = group_folds(clips.groups, recipe.folds, recipe.seed)
    predicted = np.zeros_like(clips.labels)
    progress.start("probe: folds", recipe.folds)
    for fold in range(recipe.folds):
        held_out = fold_of == fold
        train = clips.of(~held_out)
        ensemble = fit_ensemble(train, choose(train, recipe), recipe.seed)
        predicted[held_out] = predict_ensembles(ensemble, clips.inputs.of(held_out))
        progress.advance()
    progress.finish()
    return predicted


def _some_groups(clips: TrainingClips, recipe: ProbeRecipe) -> TrainingClips:
    """Whole groups of clips, as many as choices are made on."""
    if len(clips.labels) <= recipe.choice_clips:
        return clips
    names, sizes = np.unique(clips.groups, return_counts=True)
    order = np.random.default_rng(recipe.seed).permutation(len(names))
    kept = order[np.cumsum(sizes[order]) <= recipe.choice_clips]
    return clips.of(np.isin(clips.groups, names[kept])) if len(kept) >= recipe.inner_folds else clips


def _out_of_fold(
    candidate: Candidate, clips: TrainingClips, fold_of: NDArray[np.int64], seed: int
) -> NDArray[np.float64]:
    """Predictions of one candidate for every clip by a fit on the other folds [clips, 2]."""
    predicted = np.zeros(clips.labels.shape)
    for fold in np.unique(fold_of):
        held_out = fold_of == fold
        train = clips.of(~held_out)
        members = fit_members(candidate, train.inputs, train.labels, seed=seed, weights=train.weights)
        rest = clips.inputs.of(held_out)
        predicted[held_out] = np.stack([member.predict(rest) for member in members], axis=1)
    return predicted


def _combine(
    kept: Sequence[tuple[Candidate, NDArray[np.float64]]],
    truth: NDArray[np.float64],
    *,
    groups: NDArray[np.int64],
    recipe: ProbeRecipe,
    score: Score,
) -> Choice:
    """Choose members of one output by their predictions, which were made out of fold, and stretch their mean."""
    predicted = np.stack([one for _, one in kept])
    select = _greedy if recipe.selection == "greedy" else _one_standard_error
    counts = np.array(select(truth, predicted, groups, score), dtype=np.float64)
    mean = counts @ predicted / counts.sum()
    stretch, offset = 1.0, 0.0
    if recipe.spread == "labels" and mean.std() > 0:
        # With equal means the CCC is largest where the standard deviations are equal.
        stretch = float(np.clip(truth.std() / mean.std(), 1.0, MAX_STRETCH))
        offset = float(truth.mean() - stretch * mean.mean())
    weights = stretch * counts / counts.sum()
    members = [i for i, count in enumerate(counts) if count > 0]
    return Choice(
        candidates=tuple(kept[i][0] for i in members), weights=tuple(float(weights[i]) for i in members), offset=offset
    )


def _concordance(truth: NDArray[np.floating], predicted: NDArray[np.floating]) -> float:
    return float(np.nan_to_num(ccc(truth[:, None], predicted[:, None])[0]))


def _correlation(truth: NDArray[np.floating], predicted: NDArray[np.floating]) -> float:
    if min(truth.std(), predicted.std()) < 1e-9:
        return 0.0
    return float(np.corrcoef(truth, predicted)[0, 1])


def _greedy(
    truth: NDArray[np.float64], predicted: NDArray[np.float64], groups: NDArray[np.int64], score: Score
) -> Sequence[int]:
    """How often each member is added while the score of the mean rises (Caruana et al. 2004, section 2.1)."""
    counts, total, best = [0] * len(predicted), np.zeros(len(truth)), -np.inf
    for size in range(1, _ROUNDS + 1):
        scores = [score(truth, (total + one) / size) for one in predicted]
        number = int(np.argmax(scores))
        if scores[number] < best + _GAIN:
            break
        counts[number] += 1
        total, best = total + predicted[number], scores[number]
    return counts


def _one_standard_error(
    truth: NDArray[np.float64], predicted: NDArray[np.float64], groups: NDArray[np.int64], score: Score
) -> Sequence[int]:
    """1 for each member whose score is at most one standard error, over groups, below the best one's."""
    scores = [score(truth, one) for one in predicted]
    best = int(np.argmax(scores))
    random, names = np.random.default_rng(0), np.unique(groups)
    members = [np.flatnonzero(groups == name) for name in names]
    draws = []
    for _ in range(_DRAWS):
        rows = np.concatenate([members[i] for i in random.integers(0, len(names), len(names))])
        draws.append(score(truth[rows], predicted[best][rows]))
    limit = scores[best] - float(np.std(draws))
    return [int(one >= limit) for one in scores]
