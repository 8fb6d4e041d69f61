"""Settings of distillation. Free of torch, so that recipes can be read without it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from sentio_mobile._internal.records import Count, Record, Share, replace
from sentio_mobile.errors import RecordError
from sentio_mobile.models.config import CustomSettings, MobileViTSettings, MusicnnSettings, TimmSettings
from sentio_mobile.spec import ImageSide
from sentio_mobile.training.config import Decibels, EmbeddingSettings, TrainingSettings

Weight = Annotated[float, Meta(ge=0, le=1000)]
Blocks = Annotated[tuple[Annotated[int, Meta(ge=0, le=255)], ...], Meta(max_length=64)]


def _check_pairs(blocks: tuple[int, ...], teacher_blocks: tuple[int, ...]) -> None:
    if len(set(blocks)) < len(blocks):
        raise RecordError(f"blocks names a block twice: {list(blocks)}")
    if teacher_blocks and len(teacher_blocks) != len(blocks):
        raise RecordError(f"teacher_blocks must be as many as blocks, {len(blocks)}, not {len(teacher_blocks)}")


def _check_image(model: object, size: tuple[int, int] | None) -> None:
    if not isinstance(model, MobileViTSettings) or size is None:
        return
    height, width = model.stride
    if model.time_stride > 1:
        width = 1  # the stem fills the last token up
    if size[0] % height or size[1] % width:
        raise RecordError(
            f"image_size must be multiples of {list(model.stride)}, the stride of the stem, not {list(size)}"
        )


class ResponseSettings(Record, frozen=True, kw_only=True):
    """Response distillation: labels (`hard`) and the teacher's predictions (`soft`)."""

    weight: Weight = 0.3  # weight of the term in the loss
    hard: Weight = 0.3  # share of the labels in the term
    soft: Weight = 0.7  # share of the teacher's predictions in the term
    temperature: Annotated[float, Meta(ge=1, le=100)] = 6.0  # softens the teacher's predictions; 1 is off

    def check(self) -> None:
        """Something must be learned."""
        if self.weight * (self.hard + self.soft) == 0:
            raise RecordError("weight, and hard or soft, must be above 0: no prediction is learned otherwise")


class FeatureSettings(Record, frozen=True, kw_only=True):
    """Feature distillation: the teacher's tokens, through a linear projection to their width.

    Without `blocks`, the middle and the last block of the student learn; without `teacher_blocks`, from the blocks at
    the same relative depth.
    """

    weight: Weight = 0.4  # weight of the term in the loss
    blocks: Blocks = ()  # blocks of the student that learn, counted from 0
    teacher_blocks: Blocks = ()  # blocks of the teacher they learn from, one for each of `blocks`

    def check(self) -> None:
        """Each block may learn once, from one block of the teacher."""
        _check_pairs(self.blocks, self.teacher_blocks)


class AttentionSettings(Record, frozen=True, kw_only=True):
    """Attention distillation: the teacher's attention, in the mean over heads. Blocks as in `FeatureSettings`."""

    weight: Weight = 0.3  # weight of the term in the loss
    blocks: Blocks = ()  # blocks of the student that learn, counted from 0
    teacher_blocks: Blocks = ()  # blocks of the teacher they learn from, one for each of `blocks`
    loss: Literal["kl", "mse"] = "kl"  # compares the distributions of a token: Kullback-Leibler, or mean squares

    def check(self) -> None:
        """Each block may learn once, from one block of the teacher."""
        _check_pairs(self.blocks, self.teacher_blocks)


class DistillRecipe(Record, frozen=True, kw_only=True):
    """A student and how it is distilled from its teacher."""

    # the student; a recipe without `architecture` describes a mobilevit
    model: MobileViTSettings | MusicnnSettings | TimmSettings | CustomSettings
    training: TrainingSettings  # how it is trained
    response: ResponseSettings = ResponseSettings()  # what it learns from labels and from the teacher's predictions
    features: FeatureSettings = FeatureSettings()  # what it learns from the teacher's tokens
    attention: AttentionSettings = AttentionSettings()  # what it learns from the teacher's attention
    embeddings: EmbeddingSettings = EmbeddingSettings()  # what it learns from an encoder's embeddings, if there are any
    # height and width of the student's image, in pixels; None takes the one that songs were prepared for
    image_size: tuple[ImageSide, ImageSide] | None = None
    # augmented versions of each clip whose teacher outputs are cached before training; 0 runs the teacher in each step
    views: Annotated[int, Meta(ge=0, le=1000)] = 4
    # steps in place of those in `training` where the student starts from other weights than random ones, which is a
    # shorter way; 0 takes those in `training`
    pretrained_steps: Annotated[int, Meta(ge=0, le=100_000_000)] = 0
    # whether only the last layer of a student is fitted, in closed form, and nothing is trained; it must not start from
    # random weights
    head_only: bool = False

    @property
    def follows_a_teacher(self) -> bool:
        """Whether the student learns from a teacher's predictions, features or attention."""
        response = self.response.weight * self.response.soft
        return response > 0 or self.features.weight > 0 or self.attention.weight > 0

    def for_pretrained(self) -> DistillRecipe:
        """The same with the schedule for a student that does not start from random weights."""
        if not self.pretrained_steps:
            return self
        return replace(self, training=replace(self.training, epochs=0, steps=self.pretrained_steps))

    def without_teacher(self) -> DistillRecipe:
        """The same without the terms that need a teacher.

        Raises:
            RecordError: Nothing is left to learn.
        """
        return replace(
            self,
            response=replace(self.response, soft=0.0),
            features=replace(self.features, weight=0.0),
            attention=replace(self.attention, weight=0.0),
        )

    def check(self) -> None:
        """The stem must be able to halve the image."""
        _check_image(self.model, self.image_size)


class OnlineTeacherSettings(Record, frozen=True, kw_only=True):
    """musicnn hears each training clip as the student hears it: augmented, and mixed with another clip."""

    parts: Annotated[int, Meta(ge=1, le=100)] = 5  # parts of 3 s of a clip that it hears, other ones in each step
    mixed: Share = 0.5  # share of the clips that another clip is mixed into
    mixed_db: Decibels = 20.0  # the other clip is from 0 to so many dB below it


class PretrainRecipe(Record, frozen=True, kw_only=True):
    """A student, and how it learns embeddings of music without labels before it is distilled (`pretrain`)."""

    # the student; a recipe without `architecture` describes a mobilevit
    model: MobileViTSettings | TimmSettings | CustomSettings
    training: TrainingSettings  # how it is trained; `epochs` and `steps` both end it
    steps: Count  # training steps, at most: the schedule lasts for these or for `training.epochs`, the shorter of both
    embeddings: EmbeddingSettings = EmbeddingSettings()  # what it learns from the encoder
    # an encoder that hears what the student hears; None learns the stored embeddings, which are of unchanged clips
    online: OnlineTeacherSettings | None = None
    soft: Weight = 0.5  # weight of pseudo-labels in the loss, if there are any
    held_out: Annotated[float, Meta(gt=0, le=0.5)] = 0.05  # share of the music that is kept apart and measured on
    # height and width of the student's image, in pixels; None takes the one that songs were prepared for
    image_size: tuple[ImageSide, ImageSide] | None = None

    def check(self) -> None:
        """The stem must be able to halve the image."""
        _check_image(self.model, self.image_size)


class QatRecipe(Record, frozen=True, kw_only=True):
    """Quantization-aware training: how a student learns to predict in int8 as it does in fp32 (`distill --qat`)."""

    training: TrainingSettings  # how it is trained
    whole: Weight = 0.3  # weight of the fp32 predictions in the loss, beside 1 for those with fake quantization
