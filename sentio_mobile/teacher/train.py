"""Train a teacher on labelled songs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
from torch import nn

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import replace as replace_fields
from sentio_mobile._internal.records import to_plain
from sentio_mobile.data.gan_samples import GanSamples
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.weak_labels import WeakLabels
from sentio_mobile.errors import CheckpointError, DataError, LossError
from sentio_mobile.metrics.conformal import with_uncertainty
from sentio_mobile.metrics.evaluation import Evaluation, evaluate
from sentio_mobile.models.checkpoint import Checkpoint, weights_digest
from sentio_mobile.models.registry import build, settings_of, spec_of
from sentio_mobile.models.vit import ViT
from sentio_mobile.spec import ModelSpec
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.training.fit import fit, predict
from sentio_mobile.training.objectives import Supervised
from sentio_mobile.training.sources import ExtraData, GanMixture, TrainingSources
from sentio_mobile.training.trainer import ONE_DEVICE, Hardware


def train_teacher(
    data: PreparedData,
    recipe: TeacherRecipe,
    *,
    out: Path,
    progress: Progress | None = None,
    overwrite: bool = False,
    start: Checkpoint | None = None,
    backbone: Mapping[str, torch.Tensor] | None = None,
    hardware: Hardware = ONE_DEVICE,
    synthetic: GanSamples | None = None,
    sides: Sequence[tuple[PreparedData, WeakLabels]] = (),
) -> Checkpoint:
    """Train, keep the best epoch by validation CCC, read the test split once, and save.

    A run that was killed goes on from its last epoch when it is started again with the same recipe, data and `out`.

    Args:
        data: prepared songs.
        recipe: the network and its schedule.
        out: the checkpoint folder to write.
        progress: shown step by step.
        overwrite: an existing `out` gives way.
        start: a teacher of the same architecture whose weights are the first ones, in place of random ones.
        backbone: weights for the backbone alone, such as `pretrained_backbone` gives, in place of `start`.
        hardware: where it runs.
        synthetic: made-up clips to mix in, as the recipe says. Validation and test songs stay real.
        sides: music without labels of which is known on which side of neutral it is.

    Raises:
        DataError: the songs are of another front end than `recipe.audio` or `synthetic`.
        CheckpointError: `start` is of another architecture or front end.
        TrainingError: too few songs, or a loss that is not finite; the best epoch before it is then kept in a folder
            beside `out`, and the message names it.
        OutputError: `out` cannot be written.
    """
    if recipe.audio is not None and recipe.audio != data.audio:
        raise DataError(
            f"{data.folder}: was prepared for another front end than the recipe's; prepare the songs with "
            "`data prepare --recipe`"
        )
    spec = replace_fields(spec_of(recipe.model, data.audio), pooling=recipe.pooling)
    lightning.seed_everything(recipe.training.seed, verbose=False)
    model = build(spec)
    if start is not None:
        if start.spec.audio != spec.audio:
            raise CheckpointError(
                f"{data.folder}: was prepared for another front end than that of the teacher to start from"
            )
        _require_same_sums(start, spec)
        try:
            model.load_state_dict(start.model.state_dict())
        except RuntimeError as error:
            raise CheckpointError("the teacher to start from has other widths or layers than the recipe's") from error
    first_weights = "random" if start is None else weights_digest(start.model)
    if backbone is not None:
        _load_backbone(model, backbone)
        first_weights = weights_digest(model)
    sources = TrainingSources(
        extra=ExtraData(weak_labels=tuple(sides)).sources(data),
        gan_mixture=None if synthetic is None else _mixture(synthetic, data, recipe),
    )
    work = out.with_name(f"{out.name}.training")
    objective = Supervised(
        recipe.training.ccc_share, first_weights, recipe.training.weak_labels if sources.has_weak_labels else None
    )
    made_by = {**to_plain(recipe), "first_weights": first_weights, "made_up": _made_up(synthetic)}
    made_by["weak_labels"] = [{"songs": len(songs), "fingerprint": songs.fingerprint} for songs in sources.extra]
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
        kept = out.with_name(f"{out.name}.stopped")
        Checkpoint(model=model, spec=spec, recipe=made_by, history=error.history, data=data.origin).save(
            kept, overwrite=True
        )
        raise LossError(f"{error}; the best epoch before it is kept in {kept}", error.history) from error
    val, test = (
        evaluate(split.song_ids, split.labels, predict(model, spec, data, split.name), recipe.training.seed)
        for split in (data.split("val"), data.split("test"))
    )
    spec, evaluation = with_uncertainty(spec, Evaluation(val=val, test=test))
    checkpoint = Checkpoint(
        model=model, spec=spec, recipe=made_by, history=history, evaluation=evaluation, data=data.origin
    )
    checkpoint.save(out, overwrite)
    shutil.rmtree(work)
    return checkpoint


def _require_same_sums(start: Checkpoint, spec: ModelSpec) -> None:
    """Settings that leave no trace in the shapes of weights, and change what is computed with them."""
    for name in ("heads", "norm_eps"):
        theirs, ours = (getattr(settings_of(given), name, None) for given in (start.spec, spec))
        if theirs != ours:
            raise CheckpointError(
                f"the teacher to start from has {name} {theirs}, and the recipe {ours}; change the recipe"
            )


def _mixture(synthetic: GanSamples, data: PreparedData, recipe: TeacherRecipe) -> GanMixture:
    if synthetic.audio.log_mel != data.audio.log_mel:
        raise DataError(
            f"{synthetic.folder}: follows another front end than {data.folder} was prepared with; make clips "
            "with a GAN that learnt from these songs"
        )
    return GanMixture(
        samples=synthetic,
        share=recipe.gan_samples.share,
        epochs=round(recipe.gan_samples.until * recipe.training.epochs),
    )


def _made_up(synthetic: GanSamples | None) -> dict[str, Any] | None:
    return None if synthetic is None else {"clips": len(synthetic), "fingerprint": synthetic.fingerprint}


def _load_backbone(model: nn.Module, backbone: Mapping[str, torch.Tensor]) -> None:
    if not isinstance(model, ViT):
        raise CheckpointError("only a vision transformer takes the weights of a backbone; leave them out")
    try:
        model.backbone.load_state_dict(backbone)
    except RuntimeError as error:
        raise CheckpointError("the backbone's weights are of other widths or layers than the recipe's") from error
