"""Teach a student music before it is distilled: an encoder's embeddings and tags, without anybody's labels."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch import nn

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import replace, to_plain
from sentio_mobile.audio.image import to_input_batch
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.pseudo_labels import PseudoLabels
from sentio_mobile.distill.config import PretrainRecipe
from sentio_mobile.distill.heard_music import hear_music
from sentio_mobile.distill.online_teacher import OnlineTeacher
from sentio_mobile.distill.pretrain_data import MusicDataModule, music_origin, split_music
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import OUTPUTS, ModelSpec
from sentio_mobile.training.callbacks import (
    METRICS,
    SPEC,
    DeadLossTermGuard,
    EpochHistory,
    MetricsFile,
    ShowProgress,
    SpecFile,
    WarmAveraging,
)
from sentio_mobile.training.clip_features import clip_features
from sentio_mobile.training.clips import Batch
from sentio_mobile.training.config import TrainingSettings
from sentio_mobile.training.embedding_loss import EmbeddingLoss
from sentio_mobile.training.fit import restore
from sentio_mobile.training.lightning_module import EmotionModule
from sentio_mobile.training.moments import Moments, agreement, correlation, r2
from sentio_mobile.training.objectives import regression_loss
from sentio_mobile.training.precision import with_real_precision
from sentio_mobile.training.states import EpochStates
from sentio_mobile.training.trainer import ONE_DEVICE, Hardware, run_training, training_folder


class Pretraining(nn.Module):
    """Learn embeddings, tags and, where there are some, pseudo-labels.

    Args:
        loss: The terms of embeddings and tags.
        recipe: Weights of the terms.
        has_pseudo_labels: Whether clips have pseudo-labels.
    """

    def __init__(self, loss: EmbeddingLoss, recipe: PretrainRecipe, has_pseudo_labels: bool) -> None:
        super().__init__()
        self.loss, self._ccc_share = loss, recipe.training.ccc_share
        soft = {"soft": recipe.soft} if has_pseudo_labels and recipe.soft > 0 else {}
        self.weights: Mapping[str, float] = {**loss.weights, **soft}
        self.signature = f"pretraining {loss.signature} {soft}"

    def forward(self, model: nn.Module, images: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
        """Compute each term, and `loss`, their weighted sum, for images [batch, 3, height, width]."""
        features = clip_features(model, images)
        terms = self.loss(features, batch)
        if "soft" in self.weights:
            terms["soft"] = regression_loss(features.output, batch.labels, self._ccc_share)
        return {"loss": torch.stack([weight * terms[name] for name, weight in self.weights.items()]).sum(), **terms}


class PretrainModule(EmotionModule):
    """Trains a student on embeddings, and measures on music that is held out how well it predicts them.

    Args:
        model: The student, trained in place.
        spec: Its spec.
        settings: The training schedule.
        objective: What a training step minimizes.
        online: An encoder that hears what the student hears; None learns the stored embeddings.
    """

    def __init__(
        self,
        model: nn.Module,
        spec: ModelSpec,
        settings: TrainingSettings,
        objective: Pretraining,
        online: OnlineTeacher | None = None,
    ) -> None:
        super().__init__(model, spec, settings, objective)
        self.online = online
        self._loss = (objective.loss,)  # in a tuple, or its weights would be listed twice
        loss = objective.loss
        self.steps, self.tags = Moments(len(loss.mean)), Moments(max(loss.tag_count, 1))
        self.labels = Moments(len(OUTPUTS))

    @property
    def fused(self) -> bool | None:
        """One pass over the weights, which is five times as fast on a CPU. It cannot clip scaled gradients."""
        return None if self.settings.precision == "16-mixed" else True

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip by the norm. Lightning refuses it with a fused optimizer, for fear of scaled gradients."""
        if not self.fused:
            super().configure_gradient_clipping(optimizer, gradient_clip_val, gradient_clip_algorithm)
        elif gradient_clip_val:
            nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val)

    def _measure_gradients(self, terms: Mapping[str, torch.Tensor]) -> None:
        if self._measures_gradients:
            super()._measure_gradients(terms)

    @property
    def _measures_gradients(self) -> bool:
        """Only in the first epochs, where the guard against dead terms looks at them: each takes a pass backwards."""
        return self.current_epoch < DeadLossTermGuard.PATIENCE

    def training_step(self, batch: Batch, batch_index: int) -> torch.Tensor:
        """Let the encoder hear the batch, if one does, and compute the terms."""
        if self.online is not None:
            batch = self.online.hear(batch, torch.Generator().manual_seed(self._seed(batch_index, stream=1)))
        return super().training_step(batch, batch_index)

    def validation_step(self, batch: Batch, batch_index: int) -> None:  # type: ignore[override]
        """Add a batch of clips that are held out to the moments."""
        (loss,) = self._loss
        features = clip_features(self.model, to_input_batch(batch.log_mel, self.spec))
        predicted = loss.predict(features, batch.shift)
        if predicted.steps is not None:
            self.steps.update(loss.standardized(batch.embeddings), predicted.steps)
        if predicted.step_tags is not None:
            self.tags.update(batch.tags, predicted.step_tags.sigmoid())
        self.labels.update(batch.labels, features.output.float())

    def on_validation_epoch_end(self) -> None:
        """Log R2 of embeddings, correlation of tags and CCC of pseudo-labels; what is undefined counts as 0."""
        steps, tags, labels = (m.compute().cpu().double().numpy() for m in (self.steps, self.tags, self.labels))
        found = {"val_r2": r2(steps), "val_tags": correlation(tags)}
        if "soft" in self.objective.weights:
            values = agreement(labels)
            found |= {f"val_ccc_{name}": float(value) for name, value in zip(OUTPUTS, values, strict=True)}
            found["val_ccc"] = float(values.mean())
        for name, value in found.items():
            self.log(name, torch.nan_to_num(torch.tensor(value)).float())
        not_measured = 0.0 if self._measures_gradients else math.nan
        for name in self.objective.weights:
            self.log(f"gradient_{name}", self._gradients.get(name, not_measured))
        for metric in (self.steps, self.tags, self.labels):
            metric.reset()


def pretrain(
    music: Sequence[PreparedData],
    embeddings: Sequence[ClipEmbeddings],
    *,
    recipe: PretrainRecipe,
    out: Path,
    pseudo_labels: PseudoLabels | None = None,
    hardware: Hardware = ONE_DEVICE,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Checkpoint:
    """Train a student on an encoder's embeddings of music and save it.

    A share of the music, whole groups of songs, is held out: after each epoch a row of `metrics.csv` in the work
    folder, `<out>.training`, says how well it is predicted. The schedule is fixed, and the weights of its end, or their
    moving average, are kept. An interrupted run continues after its last epoch.

    Args:
        music: Prepared folders. Of a folder with labels the training songs are used, and their labels are not.
        embeddings: An encoder's embeddings of all their clips; empty if the recipe has an online teacher.
        recipe: The student and its schedule.
        out: The checkpoint folder to write.
        pseudo_labels: Another model's predictions for all the clips, learned beside the embeddings.
        hardware: Where training runs. Only the first of several processes returns; the others exit when done.
        overwrite: Whether an existing `out` gives way.
        progress: Receives each step.

    Returns:
        The student's checkpoint. It has no evaluation: nothing in it was trained on labels.

    Raises:
        DataError: Folders have different front ends, or clips have no embeddings or pseudo-labels.
        InputError: The recipe has an online teacher, and musicnn is not installed.
        TrainingError: There is too little music, the student has nothing to learn embeddings with, a loss is not
            finite, or one of its terms has no effect.
        OutputError: `out` cannot be written.
    """
    settings = with_real_precision(recipe.training, hardware.accelerator)
    split = split_music(music, embeddings, pseudo_labels, held_out=recipe.held_out, seed=settings.seed)
    audio = music[0].audio
    spec = spec_of(recipe.model, replace(audio, image_size=recipe.image_size or audio.image_size))
    per_epoch = split.steps_per_epoch(settings)
    epochs = min(settings.epochs_for(split.n_train), -(-recipe.steps // per_epoch))
    settings = replace(settings, epochs=epochs, steps=0)
    lightning.seed_everything(settings.seed, verbose=False)
    model = build(spec)
    shown = progress or NoProgress()
    online, known = None, split.embeddings
    if recipe.online is not None:
        online = OnlineTeacher(recipe.online, audio)
        heard = hear_music(online, split, seed=settings.seed, progress=shown)
        split, known = heard.music, heard.sample
    songs = MusicDataModule(split, audio, settings)
    loss = EmbeddingLoss(model, known, settings=recipe.embeddings, clip_seconds=audio.seconds)
    objective = Pretraining(loss, recipe, has_pseudo_labels=pseudo_labels is not None)
    with training_folder(out, overwrite) as work:
        history = _run(
            PretrainModule(model, spec, settings, objective, online),
            songs,
            work=work,
            hardware=hardware,
            progress=shown,
        )
        checkpoint = Checkpoint(
            model=model,
            spec=spec,
            recipe={
                **to_plain(replace(recipe, training=settings)),
                "encoder": to_plain(loss.info),
                "embedding_files": [clips.digest for clips in embeddings],
                "pseudo_labels": None if pseudo_labels is None else pseudo_labels.digest,
                "music": [data.sheet.fingerprint for data in music],
                "clips": {"train": split.n_train, "held_out": split.n_held_out},
                "held_out_metrics": {name: value for name, value in history[-1].items() if name.startswith("val_")},
            },
            history=history,
            data=music_origin(music),
        )
        checkpoint.save(out, overwrite)
    return checkpoint


def _run(
    task: PretrainModule, music: MusicDataModule, *, work: Path, hardware: Hardware, progress: Progress
) -> tuple[dict[str, float | None], ...]:
    settings, objective = task.settings, task.objective
    inputs = [task.spec.to_dict(), to_plain(settings), objective.signature, music.split.signature]
    if task.online is not None:
        inputs.append(task.online.signature)
    history, states = EpochHistory(), EpochStates(work)
    callbacks: list[Callback] = [
        *([WarmAveraging(settings.ema)] if settings.ema else []),
        history,
        states,
        SpecFile(task.spec, work / SPEC),
        MetricsFile(history, work / METRICS),
        ShowProgress(progress, "pretraining the student", "val_r2", "held-out R2 {:.3f}"),
        DeadLossTermGuard(objective.weights),
    ]
    lightning.seed_everything(settings.seed, verbose=False)
    trainer = run_training(
        task,
        music,
        work=work,
        key=hashlib.sha256(json.dumps(inputs).encode()).hexdigest(),
        epochs=settings.epochs,
        precision=settings.precision,
        callbacks=callbacks,
        hardware=hardware,
        accumulate=settings.accumulate,
        clip=settings.clip,
        # Without pseudo-labels nothing trains the head that predicts valence and arousal.
        has_frozen_weights="soft" not in objective.weights,
    )
    if not trainer.is_global_zero:
        raise SystemExit(0)
    assert states.kept is not None
    restore(task.model, states.kept)
    return tuple(history.rows)
