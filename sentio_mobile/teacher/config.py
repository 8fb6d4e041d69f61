"""Settings of a teacher. Free of torch, so that recipes can be read without it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from sentio_mobile._internal.records import Record
from sentio_mobile.errors import RecordError
from sentio_mobile.models.config import ASTSettings, CRNNSettings, ViTSettings
from sentio_mobile.spec import AudioSpec
from sentio_mobile.training.config import EmbeddingSettings, TrainingSettings

TeacherSettings = ViTSettings | ASTSettings | CRNNSettings
"""The architectures of a teacher; a recipe chooses one by `architecture`."""

PositiveShare = Annotated[float, Meta(gt=0, le=1)]


class GanSampleSettings(Record, frozen=True, kw_only=True):
    """How GAN samples take the place of training songs: `teacher train --gan-samples`.

    Steps stay as many. A share of 1 and an `until` of 0.5 pretrain on GAN samples and finetune on songs.
    """

    share: PositiveShare = 0.5  # probability that a GAN sample takes the place of a training song
    until: PositiveShare = 0.7  # share of the epochs, from the first, in which GAN samples are used


class TeacherRecipe(Record, frozen=True, kw_only=True):
    """A teacher and how it is trained."""

    model: TeacherSettings  # architecture and its widths; a recipe without `architecture` describes a vit
    training: TrainingSettings  # how it is trained
    gan_samples: GanSampleSettings = GanSampleSettings()  # how GAN samples are mixed in, where there are some
    embeddings: EmbeddingSettings = EmbeddingSettings()  # what it learns from an encoder's embeddings, if there are any
    audio: AudioSpec | None = None  # front end it needs, for `data prepare --recipe`; None takes songs as prepared
    pooling: Literal["mean"] | None = None  # "mean": the prediction for a song is the mean over its windows

    def check(self) -> None:
        """A ViT needs square images."""
        if self.audio is not None and isinstance(self.model, ViTSettings):
            height, width = self.audio.image_size
            if height != width or height % self.model.patch_size:
                raise RecordError(
                    f"audio.image_size must be a square of patches of {self.model.patch_size} for a vit, "
                    f"not {height} by {width}; take an ast, or another image_size"
                )
