"""Nested cross-validation: groups stay together, choices see the training part alone, ensembles are better than one."""

import numpy as np
import pytest
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace
from sentio_mobile.metrics.agreement import ccc
from sentio_mobile.teacher.probe.config import ProbeRecipe
from sentio_mobile.teacher.probe.cv import TrainingClips, choose, fit_ensemble, group_folds, nested_predictions
from sentio_mobile.teacher.probe.members import inputs_of

RECIPE = ProbeRecipe(regressors=("ridge",), inputs=("embedding",), folds=4, inner_folds=3)


def clips_of(steps: NDArray[np.float64], labels: NDArray[np.float32], groups: NDArray[np.int64]) -> TrainingClips:
    return TrainingClips(
        inputs=inputs_of(steps), labels=labels, groups=groups, fitted=np.ones(len(labels), dtype=np.bool_)
    )


def training_clips(count: int, size: int = 5, noise: float = 0.5, seed: int = 0) -> TrainingClips:
    random = np.random.default_rng(seed)
    steps = random.normal(size=(count, 1, size))
    weights = random.normal(size=(size, 2)) / size
    labels = np.tanh(steps[:, 0] @ weights + noise * random.normal(size=(count, 2)) / size).astype(np.float32)
    return clips_of(steps, labels, np.arange(count) // 2)


def test_group_folds_keep_groups_together_in_folds_of_one_size() -> None:
    groups = np.random.default_rng(0).integers(0, 30, 200)
    fold_of = group_folds(groups, 5, seed=0)
    assert all(len(set(fold_of[groups == group])) == 1 for group in set(groups))
    assert np.bincount(fold_of, minlength=5).min() > 30
    assert (group_folds(groups, 5, seed=1) != fold_of).any()


def test_nested_predictions_are_near_labels_that_can_be_known() -> None:
    clips = training_clips(80)
    predicted = nested_predictions(clips, RECIPE, NoProgress())
    assert ccc(clips.labels, predicted).min() > 0.7


def test_nested_predictions_find_nothing_in_noise() -> None:
    """With more inputs than clips, anything that leaks from a fold shows at once."""
    random = np.random.default_rng(0)
    labels = random.uniform(-0.5, 0.5, size=(60, 2)).astype(np.float32)
    clips = clips_of(random.normal(size=(60, 1, 100)), labels, np.arange(60))
    assert ccc(labels, nested_predictions(clips, RECIPE, NoProgress())).max() < 0.3
    ensembles = fit_ensemble(clips, choose(clips, RECIPE), 0)
    assert min(np.corrcoef(labels[:, i], one.predict(clips.inputs))[0, 1] for i, one in enumerate(ensembles)) > 0.6


def test_nested_predictions_do_not_depend_on_labels_of_their_own_fold() -> None:
    clips = training_clips(40)
    own = group_folds(clips.groups, RECIPE.folds, RECIPE.seed) == 0
    labels = clips.labels.copy()
    labels[own] *= -1
    changed = replace(clips, labels=labels)
    before, after = (nested_predictions(one, RECIPE, NoProgress()) for one in (clips, changed))
    assert np.array_equal(before[own], after[own])
    assert not np.array_equal(before[~own], after[~own])


def test_nested_predictions_fit_on_chosen_clips_and_predict_all() -> None:
    clips = training_clips(60)
    fitted = np.arange(60) % 2 == 0
    labels = np.where(fitted[:, None], clips.labels, -clips.labels)
    some = replace(clips, labels=labels, fitted=fitted)
    predicted = nested_predictions(some, RECIPE, NoProgress())
    assert ccc(clips.labels, predicted).min() > 0.6


def test_choose_takes_no_more_clips_than_the_recipe_says() -> None:
    clips = training_clips(400)
    few = choose(clips, replace(RECIPE, choice_clips=60))
    assert [one.weights for one in few] != [one.weights for one in choose(clips, RECIPE)]
    assert min(ccc(clips.labels, np.stack([one.predict(clips.inputs) for one in fit_ensemble(clips, few, 0)], 1))) > 0.7


@pytest.mark.parametrize("selection", ["greedy", "one-se"])
def test_choose_leaves_out_a_member_that_knows_nothing(selection: str) -> None:
    clips = training_clips(80)
    features = np.random.default_rng(1).normal(size=(80, 4)).astype(np.float32)
    with_features = replace(clips, inputs=replace(clips.inputs, parts={**clips.inputs.parts, "features": features}))
    recipe = replace(RECIPE, inputs=("embedding", "features"), selection=selection)
    assert [[one.input for one in chosen.candidates] for chosen in choose(with_features, recipe)] == [["embedding"]] * 2


def test_choose_stretches_predictions_as_far_as_the_labels_vary() -> None:
    clips = training_clips(200, noise=1.5)
    spread = {}
    for name in ("labels", "regression"):
        predicted = nested_predictions(clips, replace(RECIPE, spread=name), NoProgress())
        spread[name] = predicted.std(axis=0) / clips.labels.std(axis=0)
    assert spread["regression"].max() < 0.95
    np.testing.assert_allclose(spread["labels"], 1, atol=0.15)


def test_choose_takes_the_first_candidate_where_one_group_is_left() -> None:
    clips = replace(training_clips(20), groups=np.zeros(20, dtype=np.int64))
    assert [len(chosen.candidates) for chosen in choose(clips, RECIPE)] == [1, 1]
