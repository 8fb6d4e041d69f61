"""Train a teacher on labelled songs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import lightning
from msgspec import Meta
from torch import nn

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import Count, Record, Sha256, Text, replace, to_plain
from sentio_mobile.data.gan_samples import GanSamples
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.weak_labels import WeakLabels
from sentio_mobile.errors import CheckpointError, DataError, LossError
from sentio_mobile.metrics.conformal import with_uncertainty
from sentio_mobile.metrics.evaluation import Evaluation
from sentio_mobile.models.checkpoint import Checkpoint, weights_digest
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings
from sentio_mobile.models.registry import build, settings_of, spec_of
from sentio_mobile.spec import ModelSpec
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.teacher.import_weights import Backbone
from sentio_mobile.training.embedding_loss import embedding_loss
from sentio_mobile.training.fit import evaluate_split, fit
from sentio_mobile.training.objectives import Supervised
from sentio_mobile.training.precision import with_real_precision
from sentio_mobile.training.sources import ExtraData, GanMixture, TrainingSource, TrainingSources
from sentio_mobile.training.trainer import ONE_DEVICE, Hardware, training_folder


class ClipSource(Record, frozen=True, kw_only=True):
    """Clips that training used besides the labelled songs."""

    n: Count  # number of songs or samples
    fingerprint: Text  # hash of the clips and their labels


class TrainingInputs(Record, frozen=True, kw_only=True):
    """What a teacher was trained from besides its recipe and songs: written into its checkpoint's recipe."""

    first_weights: Text  # "random", or the hash of the weights that training started from
    interpolated_positions: Text = ""  # grids that positions of a backbone were interpolated from and to, in words
    gan_sample_source: ClipSource | None  # GAN samples that were mixed in
    weak_label_sources: Annotated[tuple[ClipSource, ...], Meta(max_length=1000)]  # songs with weak labels
    # songs without labels, of which embeddings were learned
    unlabelled_sources: Annotated[tuple[ClipSource, ...], Meta(max_length=1000)] = ()
    embedding_files: Annotated[tuple[Sha256, ...], Meta(max_length=1000)] = ()  # files of embeddings that were learned


def train_teacher(
    data: PreparedData,
    recipe: TeacherRecipe,
    *,
    out: Path,
    progress: Progress | None = None,
    overwrite: bool = False,
    start: Checkpoint | None = None,
    backbone: Backbone | None = None,
    hardware: Hardware = ONE_DEVICE,
    gan_samples: GanSamples | None = None,
    weak_labels: Sequence[tuple[PreparedData, WeakLabels]] = (),
    unlabelled: Sequence[PreparedData] = (),
    embeddings: Sequence[ClipEmbeddings] = (),
) -> Checkpoint:
    """Train a teacher, keep the best epoch by validation CCC, read the test split once, and save.

    A killed run continues from its last epoch if it is started again with the same recipe, data and `out`.

    Args:
        data: Prepared songs.
        recipe: The network and its schedule.
        out: Checkpoint folder to write.
        progress: Progress, step by step.
        overwrite: Whether an existing `out` is overwritten.
        start: A teacher of the same architecture whose weights are the first ones, in place of random weights.
        backbone: First weights of the backbone alone, from `pretrained_backbone`, in place of `start`.
        hardware: Where training runs.
        gan_samples: GAN samples to mix in, as the recipe says. Validation and test songs stay real.
        weak_labels: Prepared music without labels, each with its weak labels.
        unlabelled: Prepared music without labels, of which only `embeddings` are learned.
        embeddings: An encoder's embeddings of all songs, learned beside the labels.

    Raises:
        DataError: The songs have another front end than `recipe.audio`, `gan_samples`, `weak_labels` or `unlabelled`,
            or clips have no embeddings.
        CheckpointError: `start` or `backbone` is of another architecture, size or front end.
        TrainingError: There are too few songs, or a loss is not finite. In the latter case the best epoch is saved in a
            folder beside `out`, which the message names.
        OutputError: `out` cannot be written.
    """
    if recipe.audio is not None and recipe.audio != data.audio:
        raise DataError(
            f"{data.folder}: was prepared for another front end than the recipe's; prepare the songs with "
            "`data prepare --recipe`"
        )
    recipe = replace(recipe, training=with_real_precision(recipe.training, hardware.accelerator))
    spec = replace(spec_of(recipe.model, data.audio), pooling=recipe.pooling)
    lightning.seed_everything(recipe.training.seed, verbose=False)
    model = build(spec)
    first_weights = "random"
    if start is not None:
        _load_start(model, spec, start, data)
        first_weights = weights_digest(start.model)
    if backbone is not None:
        _load_backbone(model, backbone)
        first_weights = weights_digest(model)
    sources = TrainingSources(
        extra=ExtraData(
            unlabelled=tuple(unlabelled), weak_labels=tuple(weak_labels), embeddings=tuple(embeddings)
        ).sources(data),
        embeddings=tuple(embeddings),
    )
    if gan_samples is not None:
        clips = len(data.split("train")) + sum(len(source) for source in sources.extra)
        sources = replace(sources, gan_mixture=_gan_mixture(gan_samples, data, recipe, clips))
    objective = Supervised(
        recipe.training.ccc_share,
        first_weights,
        recipe.training.weak_labels if sources.has_weak_labels else None,
        embeddings=embedding_loss(model, data, settings=recipe.training, sources=sources, weights=recipe.embeddings),
        weighed=recipe.training.weigh_by_raters,
    )
    inputs = TrainingInputs(
        first_weights=first_weights,
        interpolated_positions="" if backbone is None else backbone.positions,
        gan_sample_source=None
        if gan_samples is None
        else ClipSource(n=len(gan_samples), fingerprint=gan_samples.fingerprint),
        weak_label_sources=_listed(source for source in sources.extra if source.weak_labels is not None),
        unlabelled_sources=_listed(source for source in sources.extra if source.weak_labels is None),
        embedding_files=tuple(clips.digest for clips in embeddings),
    )
    details = {**to_plain(recipe), **to_plain(inputs)}
    with training_folder(out, overwrite) as work:
        try:
            history = fit(
                model,
                spec,
                data=data,
                settings=recipe.training,
                objective=objective,
                work=work,
                progress=progress or NoProgress(),
                what="training the teacher",
                hardware=hardware,
                sources=sources,
            )
        except LossError as error:
            if not error.history:
                raise
            stopped = out.with_name(f"{out.name}.stopped")
            checkpoint = Checkpoint(model=model, spec=spec, recipe=details, history=error.history, data=data.origin)
            checkpoint.save(stopped, overwrite=True)
            raise LossError(f"{error}; the best epoch so far is saved in {stopped}", error.history) from error
        val, test = (evaluate_split(model, spec, data, name, seed=recipe.training.seed) for name in ("val", "test"))
        spec, evaluation = with_uncertainty(spec, Evaluation(val=val, test=test))
        checkpoint = Checkpoint(
            model=model, spec=spec, recipe=details, history=history, evaluation=evaluation, data=data.origin
        )
        checkpoint.save(out, overwrite)
    return checkpoint


def _listed(sources: Iterable[TrainingSource]) -> tuple[ClipSource, ...]:
    return tuple(ClipSource(n=len(source), fingerprint=source.fingerprint) for source in sources)


def _load_start(model: nn.Module, spec: ModelSpec, start: Checkpoint, data: PreparedData) -> None:
    if start.spec.audio != spec.audio:
        raise CheckpointError(
            f"{data.folder}: was prepared for another front end than that of the teacher to start from"
        )
    # These settings do not show in the shapes of weights, but change what is computed with them.
    for name in ("heads", "norm_eps", "patch_overlap"):
        in_start, in_recipe = (getattr(settings_of(each), name, None) for each in (start.spec, spec))
        if in_start != in_recipe:
            raise CheckpointError(
                f"the teacher to start from has {name} {in_start}, and the recipe {in_recipe}; change the recipe"
            )
    try:
        model.load_state_dict(start.model.state_dict())
    except RuntimeError as error:
        raise CheckpointError("the teacher to start from has other widths or layers than the recipe's") from error


def _load_backbone(model: nn.Module, backbone: Backbone) -> None:
    try:
        missing, unexpected = model.load_state_dict(backbone.tensors, strict=False)
    except RuntimeError as error:
        raise CheckpointError("the backbone's weights are of other widths or layers than the recipe's") from error
    if unexpected or any(not name.startswith("head.") for name in missing):
        raise CheckpointError("the backbone's weights are of another architecture than the recipe's")


def _gan_mixture(samples: GanSamples, data: PreparedData, recipe: TeacherRecipe, clips: int) -> GanMixture:
    if samples.audio.log_mel != data.audio.log_mel:
        raise DataError(
            f"{samples.folder}: follows another front end than {data.folder} was prepared with; generate samples with "
            "a GAN that was trained on these songs"
        )
    return GanMixture(
        samples=samples,
        share=recipe.gan_samples.share,
        epochs=round(recipe.gan_samples.until * recipe.training.epochs_for(clips)),
    )
