"""Settings of the one trainer that fits every network. Free of torch, so that recipes can be read without it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated, Literal

from msgspec import Meta

from sentio_mobile._internal.records import Record, Seed, Share
from sentio_mobile.errors import InputError, RecordError

FloatPrecision = Literal["32-true", "bf16-mixed", "16-mixed"]
"""Number formats of training, by Lightning's names."""
TrainingPrecision = Literal["auto", "32-true", "bf16-mixed", "16-mixed"]
"""The same, or `auto`, which `training/precision.py` puts one of them in the place of."""

HEAD_CLIPS = 1500
"""Clips that a head is solved from: all labelled songs first, then others by chance. More change it little."""

Epochs = Annotated[int, Meta(ge=1, le=100_000)]
Clips = Annotated[int, Meta(ge=1, le=65_536)]
Rate = Annotated[float, Meta(gt=0, le=10)]
Masks = Annotated[int, Meta(ge=0, le=64)]
Decibels = Annotated[float, Meta(ge=0, le=80)]


class AugmentSettings(Record, frozen=True, kw_only=True):
    """Augmentation of training clips: SpecAugment's masks (Park et al. 2019), rotation, equalizer, noise, mixup."""

    frequency_masks: Masks = 1  # masks over mel bands for each clip
    frequency_width: Annotated[int, Meta(ge=0, le=512)] = 16  # widest frequency mask, in mel bands
    time_masks: Masks = 2  # masks over frames for each clip
    time_width: Annotated[int, Meta(ge=0, le=65_536)] = 96  # widest time mask, in frames
    roll: bool = True  # rotate the clip around the time axis by a random number of frames
    equalizer_db: Decibels = 0.0  # largest change by a random curve over mel bands, in dB
    gain_db: Decibels = 0.0  # largest change by a random curve over time, in dB
    noise_db: Decibels = 0.0  # loudest steady noise that every second clip gets, in dB above the floor of the log-mel
    mixup: Annotated[float, Meta(ge=0, le=100)] = 0.0  # both parameters of mixup's Beta distribution; 0 turns it off


class Unfreeze(Record, frozen=True):
    """One step of gradual unfreezing: what is trained from an epoch on."""

    epoch: Epochs  # first epoch of the step, counted from 1
    blocks: Annotated[int, Meta(ge=0, le=64)]  # last blocks that are trained besides the head


class WeakLabelSettings(Record, frozen=True, kw_only=True):
    """How songs with weak labels (high or low, no value) are learned. See `weak_label_loss`."""

    weight: Annotated[float, Meta(gt=0, le=100)] = 0.3  # weight of the weak-label loss
    sharpness: Annotated[float, Meta(gt=0, le=100)] = 4.0  # slope of the logistic curve from prediction to probability


TermWeight = Annotated[float, Meta(ge=0, le=1000)]


class EmbeddingSettings(Record, frozen=True, kw_only=True):
    """How much a network learns from an encoder's embeddings of its clips. See `EmbeddingLoss`."""

    steps: TermWeight = 1.0  # weight of the embedding of each time step, learned by the tokens of that moment
    clip: TermWeight = 0.5  # weight of the clip's mean and standard deviation, learned by the class token
    tags: TermWeight = 0.5  # weight of the encoder's tags, of each time step and in the mean of the clip

    def check(self) -> None:
        """Something must be learned."""
        if self.steps + self.clip + self.tags == 0:
            raise RecordError("steps, clip or tags must be above 0: nothing of the embeddings is learned otherwise")


class TrainingSettings(Record, frozen=True, kw_only=True):
    """Settings of the trainer: AdamW, one cosine cycle with warm-up, and which epoch's weights are kept."""

    # passes over the training songs; 0 where `steps` decides
    epochs: Annotated[int, Meta(ge=0, le=100_000)] = 0
    # steps of the optimizer, rounded up to whole epochs: they cost the same, however many songs there are; 0 where
    # `epochs` decides
    steps: Annotated[int, Meta(ge=0, le=100_000_000)] = 0
    batch_size: Clips  # clips of one step, over all processes together
    learning_rate: Rate  # peak learning rate of AdamW
    accumulate: Annotated[int, Meta(ge=1, le=4096)] = 1  # batches whose gradients are added up for one step
    weight_decay: Annotated[float, Meta(ge=0, le=10)] = 0.05  # weight decay of AdamW
    warm_up: Annotated[float, Meta(ge=0, lt=1)] = 0.1  # share of all steps in which the learning rate rises
    clip: Annotated[float, Meta(ge=0, le=1e6)] = 1.0  # largest norm of a step's gradient; 0 leaves it as it is
    ccc_share: Share = 0.0  # share of 1 - CCC of the batch in the loss; the rest is the mean squared error
    # which weights are kept: those of the best epoch by validation CCC, or the last ones, after all epochs; with `last`
    # training needs no validation songs, never stops early, and `patience` has no effect
    keep: Literal["best", "last"] = "best"
    patience: Epochs = 10  # epochs without a better validation CCC after which training stops
    ema: Annotated[float, Meta(ge=0, lt=1)] = 0.0  # decay of the moving average of weights that is kept; 0 turns it off
    # number format of training; "auto" is bf16-mixed where the processor has instructions for it, and 32-true elsewhere
    precision: TrainingPrecision = "32-true"
    seed: Seed = 0  # random seed of weights, batches and augmentation
    augment: AugmentSettings = AugmentSettings()  # augmentation of training clips
    unfreeze: Annotated[tuple[Unfreeze, ...], Meta(max_length=64)] = ()  # gradual unfreezing; empty trains everything
    weak_labels: WeakLabelSettings = WeakLabelSettings()  # learning from weak labels, where there are some
    # whether a song's label counts less in the loss where its raters disagree; needs labels with spread and number of
    # raters. See `noise_weights`
    weigh_by_raters: bool = False

    def epochs_for(self, clips: int) -> int:
        """The number of epochs for so many training clips, of which one of each is drawn in an epoch."""
        if not self.steps:
            return self.epochs
        batches = max(clips // self.batch_size, 1)
        # What is left of the batches at the end of an epoch makes a step, too.
        return -(-self.steps // -(-batches // self.accumulate))

    def check(self) -> None:
        """Epochs or steps must say how long training takes; unfreezing must begin at epoch 1 and go upwards."""
        if (self.epochs == 0) == (self.steps == 0):
            raise RecordError("'epochs' or 'steps' must be above 0, and the other one left out")
        epochs = [step.epoch for step in self.unfreeze]
        if self.unfreeze and (epochs[0] != 1 or epochs != sorted(set(epochs))):
            raise RecordError(f"unfreeze must begin at epoch 1 and go upwards, not {epochs}")


LOGGERS: Mapping[str, tuple[str, ...]] = {
    "csv": (),
    "tensorboard": ("tensorboard", "tensorboardX"),
    "wandb": ("wandb",),
    "mlflow": ("mlflow",),
}
"""Who can be told of a training's metrics, and the packages of which one is needed. `csv` is always written."""


def require_logger(name: str) -> None:
    """Check that a logger can be used, before anything is trained.

    Raises:
        InputError: There is no such logger, or its package is not installed.
    """
    if name not in LOGGERS:
        raise InputError(f"no logger {name!r}; known: {', '.join(LOGGERS)}")
    packages = LOGGERS[name]
    if packages and not any(find_spec(package) for package in packages):
        raise InputError(f"the logger {name} needs a package: pip install {packages[0]}")
