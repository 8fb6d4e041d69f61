"""What one process does when songs are embedded: it loads the encoder once, and embeds songs into the cache."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import sha256
from sentio_mobile.audio.decode import decode, fit_samples
from sentio_mobile.data.perturbed import CHANGES
from sentio_mobile.errors import AudioError, InputError
from sentio_mobile.models.encoders.base import AudioEncoder, TaggingEncoder, load_encoder
from sentio_mobile.models.encoders.embeddings import average_steps
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.embedding_cache import ClipSteps, EmbeddingCache


@dataclass(frozen=True)
class SongWindows:
    """Windows of a song.

    Attributes:
        path: The song's file.
        sha256: Hash of the file that was prepared.
        windows: Start in seconds, the name of the perturbation, and the seconds that are read, of each window by its
            checksum.
    """

    path: Path
    sha256: str
    windows: Mapping[int, tuple[float, str, float]]


@dataclass(frozen=True)
class Setup:
    """What a process must know.

    Attributes:
        encoder: Name of the encoder.
        audio: Length of the clips, and how short ones are filled up.
        averaged: Embeddings that are averaged to a step.
        cache: Where the steps are written.
    """

    encoder: str
    audio: AudioSpec
    averaged: int
    cache: EmbeddingCache


def start(setup: Setup) -> None:
    """Load the encoder in this process."""
    global _embedder
    _embedder = Embedder(setup)


def forget() -> None:
    """Drop the encoder of this process, which may be large."""
    global _embedder
    _embedder = None


def embed_song(song: SongWindows) -> tuple[SongWindows, str | None]:
    """Embed a song in this process, and return it, and a line if it cannot be embedded.

    Raises:
        InputError: The encoder gives something else than embeddings.
        OutputError: The cache cannot be written.
    """
    assert _embedder is not None
    try:
        for checksum, steps in _embedder.embed(song):
            _embedder.setup.cache.write(checksum, steps)
    except AudioError as error:
        return song, str(error)
    return song, None


def tags_of(encoder: AudioEncoder) -> tuple[str, ...]:
    """Names of the tags that an encoder knows; empty if it knows none."""
    return tuple(encoder.tags) if isinstance(encoder, TaggingEncoder) else ()


class Embedder:
    """An encoder with what it needs to embed songs."""

    def __init__(self, setup: Setup) -> None:
        """Load the encoder.

        Raises:
            InputError: It is not installed.
        """
        self.setup, self._encoder = setup, load_encoder(setup.encoder)
        self._info, self._tags = self._encoder.info, len(tags_of(self._encoder))

    def embed(self, song: SongWindows) -> Iterator[tuple[int, ClipSteps]]:
        """Embed a song's windows, and give each with its checksum.

        Raises:
            AudioError: The song cannot be read or embedded, or is not the one that was prepared.
            InputError: The encoder gives something else than embeddings.
        """
        try:
            if sha256(song.path) != song.sha256:
                raise AudioError(f"{song.path} is not the file that was prepared; prepare the songs again")
        except OSError as error:
            raise AudioError(f"{song.path}: cannot be read ({error.strerror}); check its permissions") from error
        audio, rate = self.setup.audio, self._info.sample_rate
        for checksum, (begin, change, seconds) in song.windows.items():
            pcm = decode(song.path, rate, begin, seconds)
            if change:
                pcm = CHANGES[change](pcm, rate)
            found = self._run(fit_samples(pcm, round(audio.seconds * rate), audio.short_clip))
            with np.errstate(over="ignore"):
                kept = [average_steps(one, self.setup.averaged).astype(np.float16) for one in found]
            if not all(np.isfinite(one).all() for one in kept):
                raise AudioError(f"{song.path}: its embeddings are not finite, or too large for half precision")
            yield checksum, ClipSteps(kept[0], kept[1] if self._tags else None)

    def _run(self, pcm: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Embeddings, and probabilities of the tags if there are any, of one clip, [time, ...] each."""
        if isinstance(self._encoder, TaggingEncoder) and self._tags:
            found = list(self._encoder.embed_and_tag(pcm))
        else:
            found = [self._encoder.embed(pcm)]
        for values, width in zip(found, (self._info.size, self._tags), strict=False):
            if values.ndim != 2 or values.shape != (max(1, len(found[0])), width):
                raise InputError(
                    f"the encoder {self._info.name} gives an array of the shape {values.shape}, not (time, {width}); "
                    "mend the encoder"
                )
        return found


_embedder: Embedder | None = None
"""The embedder of this process."""
