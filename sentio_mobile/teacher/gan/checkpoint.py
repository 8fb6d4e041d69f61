"""A GAN's checkpoint: a folder with both networks as safetensors, and a sheet. Nothing in it can run code."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sentio_mobile._internal.files import new_folder, read_json, write_json
from sentio_mobile._internal.records import from_plain, to_plain
from sentio_mobile.errors import CheckpointError, InputError
from sentio_mobile.models.cgan import Discriminator, Generator
from sentio_mobile.models.checkpoint import load_weights, package_versions, save_weights
from sentio_mobile.models.config import GanSettings
from sentio_mobile.spec import OUTPUTS, AudioSpec

GENERATOR, DISCRIMINATOR, SHEET = "generator.safetensors", "discriminator.safetensors", "gan.json"


@dataclass(frozen=True, kw_only=True)
class GanCheckpoint:
    """Two trained networks and everything that is known about them.

    Attributes:
        generator: with the running average of its weights, in evaluation mode.
        discriminator: as it was when training ended, in evaluation mode.
        settings: of both.
        audio: the front end of its log-mels.
        classes: their names; empty where it is asked for valence and arousal.
        labels: valence and arousal of the clips that it learnt from [n, 2]; [0, 2] with classes.
        recipe: what it was trained with.
        history: one row an epoch.
        data: fingerprint and origin of the clips.
        versions: the packages that made it.
    """

    generator: Generator
    discriminator: Discriminator
    settings: GanSettings
    audio: AudioSpec
    classes: tuple[str, ...]
    labels: NDArray[np.float32]
    recipe: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, float | None]] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def save(self, folder: Path, overwrite: bool = False) -> None:
        """Write the checkpoint, all of it or nothing.

        Raises:
            OutputError: `folder` cannot be written, or exists and `overwrite` is false.
        """
        with new_folder(folder, overwrite) as part:
            sheet = {
                "settings": to_plain(self.settings),
                "audio": self.audio.to_dict(),
                "classes": list(self.classes),
                "labels": [[round(float(x), 4) for x in label] for label in self.labels],
                "generator_sha256": save_weights(self.generator, part / GENERATOR),
                "discriminator_sha256": save_weights(self.discriminator, part / DISCRIMINATOR),
                "parameters": {
                    name: sum(p.numel() for p in network.parameters())
                    for name, network in (("generator", self.generator), ("discriminator", self.discriminator))
                },
                "recipe": self.recipe,
                "history": self.history,
                "data": self.data,
                "versions": self.versions or package_versions(),
            }
            write_json(part / SHEET, sheet)

    @classmethod
    def load(cls, folder: Path) -> GanCheckpoint:
        """Read a checkpoint.

        Raises:
            CheckpointError: the folder is missing or no GAN's, or weights are truncated, changed, or of another
                architecture.
        """
        if not (folder / SHEET).is_file():
            raise CheckpointError(
                f"{folder} is no GAN's checkpoint: it has no {SHEET}; give a folder that `teacher gan train` wrote"
            )
        sheet = read_json(folder / SHEET, CheckpointError)
        try:
            settings = from_plain(GanSettings, sheet["settings"], "GanSettings", complete=True)
            audio = AudioSpec.from_dict(sheet["audio"])
            classes = tuple(str(name) for name in sheet["classes"])
            labels = np.array(sheet["labels"], dtype=np.float32).reshape(-1, len(OUTPUTS))
            generator, discriminator = build_gan(settings, audio, classes)
            load_weights(generator, folder / GENERATOR, sheet["generator_sha256"], SHEET)
            load_weights(discriminator, folder / DISCRIMINATOR, sheet["discriminator_sha256"], SHEET)
        except KeyError as error:
            raise CheckpointError(f"{folder / SHEET} lacks the field {error}; train again") from error
        except CheckpointError:
            raise
        except (InputError, TypeError, ValueError) as error:
            raise CheckpointError(f"{folder / SHEET}: {error}") from error
        rest = {name: sheet[name] for name in ("recipe", "history", "data", "versions") if name in sheet}
        return cls(
            generator=generator.eval(),
            discriminator=discriminator.eval(),
            settings=settings,
            audio=audio,
            classes=classes,
            labels=labels,
            **rest,
        )

    def sample(self, labels: NDArray[np.generic], seed: int, batch: int = 16) -> NDArray[np.float32]:
        """Make log-mels.

        Args:
            labels: valence and arousal in [-1, 1] [n, 2], or indices of classes [n].
            seed: of the noise.
            batch: how many are made at once; the samples are the same for any, up to rounding.

        Returns:
            Unit levels [n, n_mels, n_frames] in [0, 1].
        """
        random = np.random.default_rng(seed)
        noise = torch.from_numpy(random.standard_normal((len(labels), self.settings.noise), dtype=np.float32))
        conditions = self._conditions(labels)
        with torch.inference_mode():
            made = [
                self.generator(noise[at : at + batch], conditions[at : at + batch])
                for at in range(0, len(labels), batch)
            ]
        return ((torch.cat(made) + 1) / 2).numpy()

    def scores(self, mels: NDArray[np.floating], labels: NDArray[np.generic], batch: int = 16) -> NDArray[np.float32]:
        """How much the discriminator takes unit levels [n, n_mels, n_frames] for real ones of `labels`, in [0, 1] [n].

        The sigmoid of its logits: a probability where it was trained with binary cross entropy.
        """
        conditions = self._conditions(labels)
        with torch.inference_mode():
            logits = [
                self.discriminator(
                    torch.from_numpy(2 * np.asarray(mels[at : at + batch], dtype=np.float32) - 1),
                    conditions[at : at + batch],
                )
                for at in range(0, len(mels), batch)
            ]
        return torch.sigmoid(torch.cat(logits)).numpy()

    def _conditions(self, labels: NDArray[np.generic]) -> torch.Tensor:
        if self.classes:
            return torch.eye(len(self.classes))[torch.from_numpy(np.asarray(labels, dtype=np.int64))]
        return torch.from_numpy(np.asarray(labels, dtype=np.float32))


def build_gan(settings: GanSettings, audio: AudioSpec, classes: tuple[str, ...]) -> tuple[Generator, Discriminator]:
    """Both networks, freshly initialized.

    Raises:
        InputError: settings that no network can be built with.
    """
    numbers, shape = len(classes) or len(OUTPUTS), (audio.n_mels, audio.n_frames)
    return Generator(settings, numbers, shape), Discriminator(settings, numbers, shape)
