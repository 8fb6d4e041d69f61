"""Settings of a probe: which regressors on which inputs, what their settings are chosen from, and how it is judged."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from sentio_mobile._internal.records import Record, Seed

Regressor = Literal["ridge", "svr", "mlp", "xgboost"]
"""Ridge regression, support vectors with an RBF kernel, a small network, boosted trees."""

Input = Literal["embedding", "features", "both"]
"""What a regressor hears: the encoder's embedding, the 164 audio features, or both side by side."""

Positive = Annotated[float, Meta(gt=0, le=1e9)]
Choices = Annotated[tuple[Positive, ...], Meta(min_length=1, max_length=32)]


class ProbeRecipe(Record, frozen=True, kw_only=True):
    """How a probe is made. Every choice is made by cross-validation, inside the training part of each outer fold."""

    # kinds of regressors that may become members
    regressors: Annotated[tuple[Regressor, ...], Meta(min_length=1, max_length=4)] = ("ridge", "svr", "mlp")
    # inputs of the members; what needs the 164 features is left out where the music is not given
    inputs: Annotated[tuple[Input, ...], Meta(min_length=1, max_length=3)] = ("embedding", "features", "both")
    folds: Annotated[int, Meta(ge=2, le=100)] = 10  # outer folds, by group: they estimate the CCC
    inner_folds: Annotated[int, Meta(ge=2, le=20)] = 8  # inner folds, by group: they choose settings and members
    # clips that settings and members are chosen on, whole groups of them drawn by the seed; all are fitted on
    choice_clips: Annotated[int, Meta(ge=50, le=1_000_000)] = 1000
    # greedy: members are added while their mean gets better; one-se: all within a standard error of the best one
    selection: Literal["greedy", "one-se"] = "one-se"
    # labels: predictions are stretched until they vary as much as the labels, which gives the largest CCC; regression:
    # they stay as they are, nearer to the mean, which gives the smallest squared error
    spread: Literal["labels", "regression"] = "labels"
    statistics: Literal["mean", "mean or mean+sd"] = (
        "mean"  # statistics over time that cross-validation may choose from
    )
    ridge_alphas: Choices = (10.0, 30.0, 100.0, 300.0, 1000.0)  # Ridge's penalties
    svr_c: Choices = (0.3, 1.0, 3.0)  # costs of an error of the support vectors
    svr_gammas: Choices = (0.1, 0.3)  # widths of their kernel, times the number of inputs
    svr_epsilons: Choices = (0.05, 0.2)  # errors that cost nothing
    mlp_width: Annotated[int, Meta(ge=1, le=4096)] = 32  # hidden units of the network
    mlp_alphas: Choices = (1.0, 3.0, 10.0)  # penalties on the network's weights
    mlp_epochs: Annotated[int, Meta(ge=1, le=10_000)] = 60  # epochs of the network's training
    tree_depths: Annotated[tuple[Annotated[int, Meta(ge=1, le=12)], ...], Meta(min_length=1, max_length=8)] = (2, 4)
    trees: Annotated[int, Meta(ge=1, le=5000)] = 200  # boosted trees, at a learning rate of 0.05
    shuffles: Annotated[int, Meta(ge=20, le=10_000)] = 100  # shuffled copies of the labels, as a control
    # whether a song's label counts less where its raters disagree, as in `TrainingSettings`; None is false
    weigh_by_raters: bool | None = None
    seed: Seed = 0  # random seed of folds, networks, shuffles and the bootstrap
