"""A GAN's checkpoint: a folder with both networks as safetensors, and a sheet. Nothing in it can run code."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.files import is_file, new_folder
from sentio_mobile._internal.records import Count, Name, Record, Sha256, from_plain, read_plain, write_record
from sentio_mobile.errors import CheckpointError
from sentio_mobile.metrics.evaluation import History
from sentio_mobile.models.cgan import Discriminator, Generator
from sentio_mobile.models.checkpoint import load_weights, package_versions, save_weights
from sentio_mobile.models.config import GanSettings
from sentio_mobile.models.times import with_times, without_times, write_times
from sentio_mobile.spec import OUTPUTS, AudioSpec, DataOrigin
from sentio_mobile.teacher.gan.config import GanRecipe

GENERATOR, DISCRIMINATOR, SHEET = "generator.safetensors", "discriminator.safetensors", "gan.json"

SCHEMA = 2
"""Version of the sheet. Version 1 had no number in it."""

Emotion = Annotated[float, Meta(ge=-1, le=1)]


class GanParameters(Record, frozen=True, kw_only=True):
    """Number of weights of each network."""

    generator: Count  # weights of the generator
    discriminator: Count  # weights of the discriminator


class GanSheet(Record, frozen=True, kw_only=True):
    """gan.json: everything that is known about a trained GAN but its weights."""

    schema: Literal[2] = 2  # version of this record
    audio: AudioSpec  # front end of its log-mels
    classes: Annotated[tuple[Name, ...], Meta(max_length=10_000)]  # names of its classes; empty for valence and arousal
    # valence and arousal of the training clips; empty with classes
    labels: Annotated[tuple[tuple[Emotion, Emotion], ...], Meta(max_length=10_000_000)]
    generator_sha256: Sha256  # hash of the generator's weights
    discriminator_sha256: Sha256  # hash of the discriminator's weights
    parameters: GanParameters  # number of weights
    recipe: GanRecipe  # widths and schedule
    history: History  # one row per epoch; empty for an untrained GAN
    data: DataOrigin  # origin of the training clips
    versions: Annotated[dict[Name, Name], Meta(max_length=100)]  # packages that it was trained with


@dataclass(frozen=True, kw_only=True)
class GanCheckpoint:
    """Two trained networks and everything that is known about them.

    Attributes:
        generator: The generator with the running average of its weights, in evaluation mode.
        discriminator: The discriminator at the end of training, in evaluation mode.
        audio: Front end of its log-mels.
        classes: Names of its classes; empty for valence and arousal.
        labels: Valence and arousal of the training clips [n, 2]; [0, 2] with classes.
        recipe: Widths and schedule.
        history: One row per epoch.
        data: Origin of the training clips.
        versions: Versions of the packages that it was trained with.
    """

    generator: Generator
    discriminator: Discriminator
    audio: AudioSpec
    classes: tuple[str, ...]
    labels: NDArray[np.float32]
    recipe: GanRecipe
    history: History
    data: DataOrigin
    versions: dict[str, str] = field(default_factory=package_versions)

    def save(self, folder: Path, overwrite: bool = False) -> None:
        """Write the checkpoint, all of it or nothing.

        Args:
            folder: The folder to write.
            overwrite: Whether an existing folder is overwritten.

        Raises:
            OutputError: `folder` cannot be written, or exists and `overwrite` is false.
        """
        with new_folder(folder, overwrite) as part:
            sheet = GanSheet(
                audio=self.audio,
                classes=self.classes,
                labels=tuple((round(valence, 4), round(arousal, 4)) for valence, arousal in self.labels.tolist()),
                generator_sha256=save_weights(self.generator, part / GENERATOR),
                discriminator_sha256=save_weights(self.discriminator, part / DISCRIMINATOR),
                parameters=GanParameters(
                    generator=_count_weights(self.generator), discriminator=_count_weights(self.discriminator)
                ),
                recipe=self.recipe,
                history=without_times(self.history),
                data=self.data,
                versions=self.versions,
            )
            write_record(part / SHEET, sheet)
            write_times(part, self.history)

    @classmethod
    def load(cls, folder: Path) -> GanCheckpoint:
        """Read a checkpoint.

        Raises:
            CheckpointError: The folder is missing or holds no GAN, or its weights are truncated, changed, or of another
                architecture.
        """
        path = folder / SHEET
        if not is_file(path):
            raise CheckpointError(
                f"{folder} is no GAN's checkpoint: it has no {SHEET}; give a folder that `teacher gan train` wrote"
            )
        values = read_plain(path, CheckpointError)
        if isinstance(values, dict) and values.get("schema") != SCHEMA:
            raise CheckpointError(f"{path} is of another version than this program reads; train the GAN again")
        sheet = from_plain(GanSheet, values, str(path), CheckpointError, complete=True)
        generator, discriminator = build_gan(sheet.recipe.model, sheet.audio, sheet.classes)
        load_weights(generator, folder / GENERATOR, sheet.generator_sha256, SHEET)
        load_weights(discriminator, folder / DISCRIMINATOR, sheet.discriminator_sha256, SHEET)
        return cls(
            generator=generator.eval(),
            discriminator=discriminator.eval(),
            audio=sheet.audio,
            classes=sheet.classes,
            labels=np.array(sheet.labels, dtype=np.float32).reshape(-1, len(OUTPUTS)),
            recipe=sheet.recipe,
            history=with_times(folder, sheet.history),
            data=sheet.data,
            versions=sheet.versions,
        )

    def sample(self, labels: NDArray[np.generic], seed: int, batch: int = 16) -> NDArray[np.float32]:
        """Generate log-mels.

        Args:
            labels: Valence and arousal in [-1, 1] [n, 2], or indices of classes [n].
            seed: Random seed for the noise.
            batch: Samples generated at once. It changes the samples by no more than rounding.

        Returns:
            Normalized log-mels [n, n_mels, n_frames] in [0, 1].
        """
        random = np.random.default_rng(seed)
        noise = torch.from_numpy(random.standard_normal((len(labels), self.recipe.model.noise), dtype=np.float32))
        vectors = self._label_vectors(labels)
        with torch.inference_mode():
            samples = [
                self.generator(noise[start : start + batch], vectors[start : start + batch])
                for start in range(0, len(labels), batch)
            ]
        return ((torch.cat(samples) + 1) / 2).numpy()

    def scores(self, mels: NDArray[np.floating], labels: NDArray[np.generic], batch: int = 16) -> NDArray[np.float32]:
        """The discriminator's scores [n] in [0, 1], high for log-mels that it takes for real clips of their labels.

        A score is the sigmoid of a logit: a probability if the GAN was trained with binary cross entropy.

        Args:
            mels: Normalized log-mels [n, n_mels, n_frames] in [0, 1].
            labels: Valence and arousal in [-1, 1] [n, 2], or indices of classes [n].
            batch: Clips scored at once.
        """
        vectors = self._label_vectors(labels)
        with torch.inference_mode():
            logits = [
                self.discriminator(
                    torch.from_numpy(2 * np.asarray(mels[start : start + batch], dtype=np.float32) - 1),
                    vectors[start : start + batch],
                )
                for start in range(0, len(mels), batch)
            ]
        return torch.sigmoid(torch.cat(logits)).numpy()

    def _label_vectors(self, labels: NDArray[np.generic]) -> torch.Tensor:
        if self.classes:
            return torch.eye(len(self.classes))[torch.from_numpy(np.asarray(labels, dtype=np.int64))]
        return torch.from_numpy(np.asarray(labels, dtype=np.float32))


def _count_weights(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def build_gan(settings: GanSettings, audio: AudioSpec, classes: tuple[str, ...]) -> tuple[Generator, Discriminator]:
    """Both networks, freshly initialized.

    Args:
        settings: Widths of the networks.
        audio: Front end of the log-mels.
        classes: Names of the classes; empty for valence and arousal.
    """
    numbers, shape = len(classes) or len(OUTPUTS), (audio.n_mels, audio.n_frames)
    return Generator(settings, numbers, shape), Discriminator(settings, numbers, shape)
