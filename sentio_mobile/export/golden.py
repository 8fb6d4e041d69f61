"""Golden vectors: inputs with the outputs that every runtime, in every language, must give.

They are made from generated music, so that a bundle carries nobody's recording, and chosen so that the outputs are
spread as widely as the model allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from torch import nn

from sentio_mobile.audio.decode import fit
from sentio_mobile.audio.frontend import picture_of_clip
from sentio_mobile.audio.image import to_input
from sentio_mobile.data.synth import draw_songs, render
from sentio_mobile.errors import BundleError
from sentio_mobile.progress import Progress, Silent
from sentio_mobile.spec import ModelSpec

VECTORS = 12
CANDIDATES = 48
SEED = 20_417


@dataclass(frozen=True)
class Golden:
    """Resized log-mels before standardization, `image` [vectors, size, size], and PyTorch's `output` [vectors, 2]."""

    image: NDArray[np.float32]
    output: NDArray[np.float32]

    def inputs(self, spec: ModelSpec) -> list[NDArray[np.float32]]:
        """What each runtime is fed: [1, 3, size, size] for each vector."""
        return [to_input(image, spec) for image in self.image]

    @property
    def spread(self) -> tuple[float, ...]:
        """Standard deviation of each output over the vectors."""
        return tuple(float(sd) for sd in self.output.std(axis=0))

    def save(self, path: Path) -> None:
        """Write them as safetensors: a JSON header, then raw little-endian float32."""
        save_file({"image": self.image, "output": self.output}, path)

    @classmethod
    def load(cls, path: Path, spec: ModelSpec) -> Golden:
        """Read what `save` wrote.

        Raises:
            BundleError: the file is damaged or does not fit the spec.
        """
        try:
            values = load_file(path)
            golden = cls(image=values["image"], output=values["output"])
        except (OSError, KeyError, SafetensorError) as error:
            raise BundleError(f"{path}: holds no golden vectors ({error}); export again") from error
        size = spec.audio.image_size
        if golden.image.shape[1:] != (size, size) or golden.output.shape != (len(golden.image), len(spec.outputs)):
            raise BundleError(f"{path}: golden vectors do not fit the bundle's spec; export again")
        return golden


def make_golden(model: nn.Module, spec: ModelSpec, progress: Progress | None = None) -> Golden:
    """Render candidates, ask the model for its answers, and keep those that lie farthest apart."""
    progress = progress or Silent()
    progress.start("golden vectors", CANDIDATES)
    images, outputs = [], []
    with torch.inference_mode():
        for song in draw_songs(CANDIDATES, SEED):
            image = picture_of_clip(fit(render(song, spec.audio.sample_rate), spec.audio), spec.audio)
            images.append(image)
            outputs.append(model(torch.from_numpy(to_input(image, spec)))[0].numpy())
            progress.advance()
    progress.finish()
    chosen = _farthest(np.stack(outputs), VECTORS)
    return Golden(image=np.stack([images[i] for i in chosen]), output=np.stack([outputs[i] for i in chosen]))


def _farthest(points: NDArray[np.float32], count: int) -> list[int]:
    """Indices of `count` points, each the farthest from those before it; the first is farthest from the mean."""
    chosen = [int(np.argmax(((points - points.mean(axis=0)) ** 2).sum(axis=1)))]
    nearest = np.full(len(points), np.inf)
    while len(chosen) < count:
        nearest = np.minimum(nearest, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
        chosen.append(int(np.argmax(nearest)))
    return chosen
