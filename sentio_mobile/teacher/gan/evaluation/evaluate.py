"""Measure generated clips beside real ones: looks, label consistency, diversity, copies, and kernel distance."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from msgspec import Meta

from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import Count, Record, Seed, Text
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import DataError
from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.metrics.evaluation import SplitEvaluation, evaluate
from sentio_mobile.spec import OUTPUTS, DataOrigin
from sentio_mobile.teacher.gan.evaluation.clips import Clips, real_clips, real_windows
from sentio_mobile.teacher.gan.evaluation.embedding import KernelDistance, compare_kernels, fit_embedding
from sentio_mobile.teacher.gan.evaluation.emotion_models import EmotionModel, fit_linear_model
from sentio_mobile.teacher.gan.evaluation.features import score_features
from sentio_mobile.teacher.gan.evaluation.memorization import (
    Diversity,
    EmbeddedClips,
    Memorization,
    find_copies,
    measure_diversity,
)
from sentio_mobile.teacher.gan.evaluation.score import DRAW_SIZE, Score, score

MIN_DIVERSITY = 0.5
"""Diversity below which the evaluation notes a fault."""

MIN_MODEL_CCC = 0.3
"""CCC on real songs below which an emotion model says little about samples."""

MAX_KERNEL_RATIO = 3.0
"""Kernel distance of samples, divided by that between real songs, above which the evaluation notes a fault."""


class LabelConsistency(Record, frozen=True, kw_only=True):
    """Agreement between the labels of generated clips and an emotion model's predictions for them."""

    emotion_model: Text  # the model and what it was trained on
    state: Text  # what the embedding is computed from
    samples: SplitEvaluation  # evaluation on the generated clips; its truth is the labels that they were generated for
    real: SplitEvaluation  # evaluation on real songs that the model was not trained on
    real_split: Text  # the split of those songs

    def interval(self, dimension: str, real: bool = False) -> Interval:
        """CCC of `valence`, `arousal` or their `mean`, with its bootstrap 95% interval."""
        return (self.real if real else self.samples).ccc[dimension]


class GanEvaluation(Record, frozen=True, kw_only=True):
    """The evaluation of a set of GAN samples."""

    schema: Literal[1] = 1  # version of this record
    name: Text  # the evaluated samples
    n: Count  # number of samples
    seed: Seed  # random seed for every draw
    data: DataOrigin  # origin of the songs that the samples were compared with
    score: Score  # looks, from 0 to 100
    consistency: LabelConsistency  # whether samples have their labels
    diversity: Diversity  # whether samples differ from each other as songs do
    memorization: Memorization  # whether samples are copies of training clips
    kernel: KernelDistance  # distance to real songs in the embedding
    notes: Annotated[tuple[Text, ...], Meta(max_length=20)]  # faults to know before the samples are used


def evaluate_gan(
    generated: Clips, data: PreparedData, *, emotion_model: EmotionModel | None, seed: int, progress: Progress
) -> GanEvaluation:
    """Evaluate generated clips against the training and validation songs. Test songs are not read.

    Args:
        generated: The clips, with the labels that they were generated for.
        data: The songs whose training split the generator was trained on.
        emotion_model: The model that predicts valence and arousal; None fits a linear one on the validation songs.
        seed: Random seed for every draw.
        progress: Progress, step by step.

    Raises:
        DataError: The clips have another shape than the songs, are too few, or hold values that are not finite; or the
            songs are too few or lack labels.
    """
    train, val, windows = real_clips(data, "train"), real_clips(data, "val"), real_windows(data, "train")
    if generated.mels.shape[1:] != data.mels.shape[1:]:
        shapes = [" by ".join(str(n) for n in clips.mels.shape[1:]) for clips in (generated, train)]
        raise DataError(
            f"{generated.name}: the clips are {shapes[0]} (bands by frames), the songs of {data.folder} {shapes[1]}; "
            "evaluate them with the songs that the GAN was trained on"
        )
    generated_features, real_features = (score_features(clips, data.audio, progress) for clips in (generated, train))
    looks = score(generated_features, real_features, train.groups, seed)
    emotion_model = emotion_model or fit_linear_model(val, data.audio, progress)
    of_generated, of_windows, of_val = (emotion_model.predict(clips, progress) for clips in (generated, windows, val))
    train_rows = np.searchsorted(windows.rows, train.rows)
    embedding = fit_embedding(of_windows.states[train_rows])
    vectors, window_vectors, val_vectors = (embedding.embed(x.states) for x in (of_generated, of_windows, of_val))
    train_vectors = window_vectors[train_rows]
    if emotion_model.held_out_split == "train":
        held_out, held_out_predictions = train, of_windows.labels[train_rows]
    else:
        held_out, held_out_predictions = val, of_val.labels
    consistency = LabelConsistency(
        emotion_model=emotion_model.description,
        state=emotion_model.state_description,
        samples=evaluate(generated.clip_names, generated.labels, of_generated.labels, seed),
        real=evaluate(held_out.clip_names, held_out.labels, held_out_predictions, seed),
        real_split=emotion_model.held_out_split,
    )
    embedded = EmbeddedClips(clips=generated, vectors=vectors)
    diversity = measure_diversity(embedded, EmbeddedClips(clips=train, vectors=train_vectors))
    memorization = find_copies(
        embedded,
        EmbeddedClips(clips=val, vectors=val_vectors),
        EmbeddedClips(clips=windows, vectors=window_vectors),
        audio=data.audio,
        progress=progress,
    )
    kernel = compare_kernels(vectors, train_vectors, train.groups, seed)
    notes = _notes(looks, consistency, diversity=diversity, memorization=memorization, kernel=kernel)
    return GanEvaluation(
        name=generated.name,
        n=len(generated),
        seed=seed,
        data=data.origin,
        score=looks,
        consistency=consistency,
        diversity=diversity,
        memorization=memorization,
        kernel=kernel,
        notes=tuple(notes),
    )


def _notes(
    looks: Score,
    consistency: LabelConsistency,
    *,
    diversity: Diversity,
    memorization: Memorization,
    kernel: KernelDistance,
) -> list[str]:
    notes = []
    for dimension in OUTPUTS:
        samples, real = (consistency.interval(dimension, real=is_real) for is_real in (False, True))
        if real.value is None or real.low is None or real.value < MIN_MODEL_CCC:
            notes.append(
                f"the emotion model hardly predicts {dimension} of real songs (CCC {real}): its predictions for "
                "samples say little"
            )
        elif samples.low is None or samples.low <= 0:
            notes.append(f"samples do not show the {dimension} that they were generated for: CCC {samples}")
    if diversity.overall < MIN_DIVERSITY:
        notes.append(
            f"samples differ {diversity.overall:.2f} times as much as songs do: the generator may have collapsed"
        )
    elif diversity.same_label < MIN_DIVERSITY:
        notes.append(
            f"samples of one label differ {diversity.same_label:.2f} times as much as songs of similar labels do"
        )
    if memorization.is_memorized:
        notes.append(f"{memorization.copies:.0%} of the samples are copies of training songs: memorized")
    low, high = kernel.generated.low, kernel.between_real.high
    if low is not None and high is not None and low > MAX_KERNEL_RATIO * max(high, 0.0):
        notes.append("the samples lie far from real songs in the embedding (kernel distance)")
    if looks.draw_size < DRAW_SIZE:
        notes.append(
            f"the score compares {looks.draw_size} clips at a time instead of {DRAW_SIZE}, because there are too few: "
            "it is lenient"
        )
    return notes
