"""The cache of clips' embeddings: one small file a clip, so that a run that was stopped, or another data folder with
the same songs, embeds only what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from sentio_mobile._internal.files import user_cache, write_bytes
from sentio_mobile.models.encoders.base import EncoderInfo

_VERSION = 1
"""Grows when the same encoder is to give other embeddings of the same clip."""

_EMBEDDINGS, _TAGS = "embeddings", "tags"


@dataclass(frozen=True)
class ClipSteps:
    """What an encoder gives for one clip.

    Attributes:
        embeddings: Embeddings [time, size].
        tags: Probabilities of the tags [time, tags]; None if the encoder knows none.
    """

    embeddings: NDArray[np.float16]
    tags: NDArray[np.float16] | None


class EmbeddingCache:
    """Embeddings in the user's cache folder by the encoder's digest and the clip's checksum."""

    def __init__(self, info: EncoderInfo, tags: int) -> None:
        """Name the folder for an encoder; it need not exist.

        Args:
            info: The encoder. `hop_s` is the time between the steps that are kept.
            tags: Number of tags; 0 without any.
        """
        self.folder = user_cache("embeddings") / f"{info.digest}-{info.hop_s:.3f}s-{_VERSION}"
        self._size, self._tags = info.size, tags

    def read(self, checksum: int) -> ClipSteps | None:
        """The embeddings of a clip; None where there are none, or the file is damaged."""
        try:
            tensors = load(self._path(checksum).read_bytes())
        except (OSError, SafetensorError, ValueError, KeyError):
            return None
        embeddings, tags = tensors.get(_EMBEDDINGS), tensors.get(_TAGS)
        if embeddings is None or embeddings.dtype != np.float16 or embeddings.shape[1:] != (self._size,):
            return None
        shape = (len(embeddings), self._tags)
        if not self._tags:
            return ClipSteps(embeddings, None)
        return ClipSteps(embeddings, tags) if tags is not None and tags.shape == shape else None

    def write(self, checksum: int, steps: ClipSteps) -> None:
        """Keep the embeddings of a clip.

        Raises:
            OutputError: They cannot be written.
        """
        tensors = {_EMBEDDINGS: steps.embeddings}
        if steps.tags is not None:
            tensors[_TAGS] = steps.tags
        write_bytes(self._path(checksum), save({name: np.ascontiguousarray(one) for name, one in tensors.items()}))

    def _path(self, checksum: int) -> Path:
        # A folder of a million files is slow to list.
        name = f"{checksum:016x}"
        return self.folder / name[:2] / f"{name}.safetensors"
