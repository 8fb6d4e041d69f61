"""Golden vectors: inputs with the outputs that every runtime, in every language, must give.

They are made from generated music, so that a bundle contains nobody's recording, and from sounds on which front ends
are known to break. Reading them does not need PyTorch; making them does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from sentio_mobile._internal.files import read_file, write_bytes
from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile.audio.image import clip_to_image, to_input
from sentio_mobile.data.generated import Song, draw_songs, render
from sentio_mobile.errors import BundleError
from sentio_mobile.spec import AudioSpec, ModelSpec

if TYPE_CHECKING:
    from torch import nn

VECTORS = 12
"""Vectors of generated music in a bundle, chosen from `CANDIDATES` songs."""
CANDIDATES = 48
SEED = 20_417
EXCERPT_S = (10.0, 14.0)
"""Start and end of the stored part of a generated song: whole clips would make a bundle several times larger."""

MAX_VECTORS = 1024
MAX_GOLDEN_BYTES = 1024 * 1024 * 1024
"""The largest file of golden vectors that is read; those of an export have about ten megabytes."""

_TENSORS = {"excerpt": "excerpt", "length": "length", "image": "picture", "output": "output"}
"""The names of the tensors in the file, which apps read too."""


@dataclass(frozen=True, kw_only=True)
class Golden:
    """Inputs in both forms, and PyTorch's outputs.

    Attributes:
        excerpt: PCM at the spec's rate, int16 [vectors, samples]. A clip is its excerpt, repeated to its length,
            divided by 32768, with silence after it up to the spec's length.
        length: Samples of each clip, int32 [vectors].
        image: Normalized log-mels of the clips from the reference front end, resized but not standardized, float32
            [vectors, height, width]; None in the bundle of an app.
        output: PyTorch's valence and arousal, float32 [vectors, 2].
    """

    excerpt: NDArray[np.int16]
    length: NDArray[np.int32]
    image: NDArray[np.float32] | None
    output: NDArray[np.float32]

    def inputs(self, spec: ModelSpec) -> list[NDArray[np.float32]]:
        """The input of a runtime for each vector, in the shape and form of the spec."""
        if spec.form == "waveform":
            clips = zip(self.excerpt, self.length, strict=True)
            return [clip_of_excerpt(excerpt, int(length), spec.audio)[None] for excerpt, length in clips]
        return [to_input(image, spec) for image in self.images(spec.audio)]

    def images(self, audio: AudioSpec) -> NDArray[np.float32]:
        """The images, computed anew where they are left out [vectors, height, width].

        Args:
            audio: The front end of the bundle's spec.
        """
        if self.image is not None:
            return self.image
        clips = zip(self.excerpt, self.length, strict=True)
        return np.stack(
            [clip_to_image(clip_of_excerpt(excerpt, int(length), audio), audio) for excerpt, length in clips]
        )

    @property
    def spread(self) -> tuple[float, float]:
        """Standard deviation of valence and of arousal over the vectors."""
        valence, arousal = (float(std) for std in self.output.std(axis=0))
        return valence, arousal

    def first(self, count: int) -> Golden:
        """The first vectors: of those that an export makes, the ones with the most different outputs."""
        return self.take(range(count))

    def take(self, indices: Sequence[int]) -> Golden:
        """Some of the vectors, in this order; indices past the end are ignored."""
        rows = [index for index in indices if index < len(self.output)]
        return Golden(
            excerpt=self.excerpt[rows],
            length=self.length[rows],
            image=None if self.image is None else self.image[rows],
            output=self.output[rows],
        )

    def save(self, path: Path) -> None:
        """Write the vectors as safetensors: a JSON header, then little-endian numbers."""
        values = self._values.items()
        write_bytes(path, save({_TENSORS[name]: tensor for name, tensor in values if tensor is not None}))

    @property
    def _values(self) -> dict[str, NDArray[np.generic] | None]:
        """The tensors by the fields' names."""
        return {"excerpt": self.excerpt, "length": self.length, "image": self.image, "output": self.output}

    @classmethod
    def load(cls, path: Path, spec: ModelSpec) -> Golden:
        """Read what `save` wrote.

        Raises:
            BundleError: The file is damaged or does not fit the spec.
        """
        try:
            values = load(read_file(path, MAX_GOLDEN_BYTES, BundleError))
            golden = cls(
                excerpt=values["excerpt"], length=values["length"], image=values.get("picture"), output=values["output"]
            )
        # A type of number that numpy lacks, such as bfloat16, is an AttributeError or a TypeError.
        except (AttributeError, KeyError, TypeError, ValueError, SafetensorError) as error:
            raise BundleError(f"{path}: holds no golden vectors ({error}); export again") from error
        known = {name: tensor for name, tensor in golden._values.items() if tensor is not None}
        if not all(tensor.ndim for tensor in known.values()):
            raise BundleError(f"{path}: golden vectors do not fit the bundle's spec; export again")
        count = len(golden.output)
        expected = {
            "excerpt": (np.dtype(np.int16), (count, max(1, golden.excerpt.shape[-1]))),
            "length": (np.dtype(np.int32), (count,)),
            "image": (np.dtype(np.float32), (count, *spec.audio.image_size)),
            "output": (np.dtype(np.float32), (count, len(spec.outputs))),
        }
        right = all((tensor.dtype, tensor.shape) == expected[name] for name, tensor in known.items())
        right = right and 1 <= count <= MAX_VECTORS
        lengths = right and bool(((golden.length >= 1) & (golden.length <= spec.audio.n_samples)).all())
        if not lengths or not (np.abs(golden.output) <= 1).all():
            raise BundleError(f"{path}: golden vectors do not fit the bundle's spec; export again")
        return golden


def clip_of_excerpt(excerpt: NDArray[np.int16], length: int, spec: AudioSpec) -> NDArray[np.float32]:
    """An excerpt [samples], repeated to `length` samples, as a clip of PCM [n_samples]."""
    return np.pad(np.resize(excerpt, length), (0, spec.n_samples - length)).astype(np.float32) / np.float32(32768)


def make_golden(model: nn.Module, spec: ModelSpec, progress: Progress | None = None) -> Golden:
    """Make golden vectors for a model.

    Candidates are rendered, and those with the most different outputs are chosen, so that the outputs are spread as
    widely as the model allows. The hard sounds follow them.

    Args:
        model: A network in the form `spectrogram`.
        spec: Its spec.
        progress: Advances candidate by candidate.
    """
    progress = progress or NoProgress()
    progress.start("golden vectors", CANDIDATES)
    candidates = []
    for song in draw_songs(CANDIDATES, SEED):
        candidates.append(_vector(_excerpt(song, spec.audio), spec.audio.n_samples, model, spec))
        progress.advance()
    progress.finish()
    chosen = _farthest(np.concatenate([candidate.output for candidate in candidates]), VECTORS)
    music = [candidates[i] for i in chosen]
    sounds = hard_sounds(music[0].excerpt[0], spec.audio).values()
    vectors = [*music, *(_vector(excerpt, length, model, spec) for excerpt, length in sounds)]
    return Golden(**{f.name: np.concatenate([getattr(one, f.name) for one in vectors]) for f in fields(Golden)})


def hard_sounds(music: NDArray[np.int16], spec: AudioSpec) -> dict[str, tuple[NDArray[np.int16], int]]:
    """Sounds on which front ends break, by name: an excerpt, and the samples of the clip that it is repeated to.

    Args:
        music: PCM [samples] that some of them are made from.
        spec: The length of a clip.
    """
    time, whole = np.arange(len(music)), spec.n_samples
    return {
        "music 40 dB softer": ((music // 100).astype(np.int16), whole),
        "music on a DC offset": ((music // 4 + 16_000).astype(np.int16), whole),
        "silence": (np.zeros_like(music), whole),
        "square wave": (np.where(time % 50 < 25, 32_767, -32_768).astype(np.int16), whole),
        "impulse": (np.where(time == len(music) // 2, 32_767, 0).astype(np.int16), min(len(music), whole)),
        "short clip": (music, whole // 3),
    }


@lru_cache(CANDIDATES)
def _excerpt(song: Song, spec: AudioSpec) -> NDArray[np.int16]:
    pcm = render(song, spec.sample_rate)
    start, end = (round(second * spec.sample_rate) for second in EXCERPT_S)
    excerpt = pcm[start : min(end, start + spec.n_samples)]
    return np.clip(np.rint(excerpt * 32768), -32_768, 32_767).astype(np.int16)


def _vector(excerpt: NDArray[np.int16], length: int, model: nn.Module, spec: ModelSpec) -> Golden:
    import torch

    image = clip_to_image(clip_of_excerpt(excerpt, length, spec.audio), spec.audio)
    with torch.inference_mode():
        output = model(torch.from_numpy(to_input(image, spec))).numpy()
    return Golden(excerpt=excerpt[None], length=np.array([length], dtype=np.int32), image=image[None], output=output)


def _farthest(points: NDArray[np.float32], count: int) -> list[int]:
    """Indices of `count` points, each the farthest from those before it; the first is farthest from the mean."""
    chosen = [int(np.argmax(((points - points.mean(axis=0)) ** 2).sum(axis=1)))]
    nearest = np.full(len(points), np.inf)
    while len(chosen) < count:
        nearest = np.minimum(nearest, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
        chosen.append(int(np.argmax(nearest)))
    return chosen
