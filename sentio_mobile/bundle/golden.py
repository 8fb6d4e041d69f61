"""Golden vectors: inputs with the outputs that every runtime, in every language, must give.

Reading them needs no PyTorch; making them is in `make_golden.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from sentio_mobile.audio.image import to_input
from sentio_mobile.errors import BundleError
from sentio_mobile.spec import AudioSpec, ModelSpec


@dataclass(frozen=True)
class Golden:
    """What goes in, in both forms, and PyTorch's answer.

    `excerpt` int16 [vectors, samples] is PCM at the spec's rate, and `length` int32 [vectors] the samples of each clip:
    a clip is its excerpt, repeated to that length, divided by 32768, with silence after it up to the spec's length.
    `picture` float32 [vectors, size, size] is the reference front end's resized, normalized log-mel of that clip,
    before standardization. `output` float32 [vectors, 2].
    """

    excerpt: NDArray[np.int16]
    length: NDArray[np.int32]
    picture: NDArray[np.float32]
    output: NDArray[np.float32]

    def inputs(self, spec: ModelSpec) -> list[NDArray[np.float32]]:
        """What each runtime is fed: for each vector, an array of the spec's input shape."""
        if spec.form == "waveform":
            clips = zip(self.excerpt, self.length, strict=True)
            return [clip_of_excerpt(excerpt, int(length), spec.audio)[None] for excerpt, length in clips]
        return [to_input(picture, spec) for picture in self.picture]

    @property
    def spread(self) -> tuple[float, ...]:
        """Standard deviation of each output over the vectors."""
        return tuple(float(sd) for sd in self.output.std(axis=0))

    def first(self, count: int) -> Golden:
        """The first vectors: of those that an export makes, the ones whose outputs lie farthest apart."""
        return Golden(**{field.name: getattr(self, field.name)[:count] for field in fields(self)})

    def save(self, path: Path) -> None:
        """Write them as safetensors: a JSON header, then raw little-endian numbers."""
        save_file(asdict(self), path)

    @classmethod
    def load(cls, path: Path, spec: ModelSpec) -> Golden:
        """Read what `save` wrote.

        Raises:
            BundleError: the file is damaged or does not fit the spec.
        """
        try:
            values = load_file(path)
            golden = cls(**{field.name: values[field.name] for field in fields(cls)})
        except (OSError, KeyError, SafetensorError) as error:
            raise BundleError(f"{path}: holds no golden vectors ({error}); export again") from error
        count = len(golden.output)
        shapes = {
            "excerpt": (count, max(1, golden.excerpt.shape[-1])),
            "length": (count,),
            "picture": (count, *spec.audio.image_size),
            "output": (count, len(spec.outputs)),
        }
        lengths = (golden.length >= 1) & (golden.length <= spec.audio.n_samples)
        if any(getattr(golden, name).shape != shape for name, shape in shapes.items()) or not lengths.all():
            raise BundleError(f"{path}: golden vectors do not fit the bundle's spec; export again")
        return golden


def clip_of_excerpt(excerpt: NDArray[np.int16], length: int, spec: AudioSpec) -> NDArray[np.float32]:
    """An excerpt [samples], repeated to `length` samples, as a clip of PCM [n_samples]."""
    return np.pad(np.resize(excerpt, length), (0, spec.n_samples - length)).astype(np.float32) / np.float32(32768)


def join(vectors: Sequence[Golden]) -> Golden:
    """Several sets of vectors as one."""
    return Golden(**{f.name: np.concatenate([getattr(vector, f.name) for vector in vectors]) for f in fields(Golden)})


def hard_sounds(music: NDArray[np.int16], spec: AudioSpec) -> dict[str, tuple[NDArray[np.int16], int]]:
    """Sounds on which front ends break, by name: an excerpt, and the samples of the clip that it is repeated to.

    Args:
        music: PCM [samples] to make some of them from.
        spec: the length of a clip.
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
