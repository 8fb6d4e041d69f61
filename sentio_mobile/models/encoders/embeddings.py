"""Embeddings of songs in one safetensors file: a tensor [time, size] for each song, and the encoder's facts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from sentio_mobile._internal.files import write_bytes
from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import from_plain, to_plain
from sentio_mobile.audio.decode import decode
from sentio_mobile.errors import AudioError, DataError
from sentio_mobile.models.encoders.base import AudioEncoder, EncoderInfo

_INFO = "encoder"


def embed_songs(
    encoder: AudioEncoder, songs: Sequence[Path], *, progress: Progress | None = None
) -> tuple[dict[str, NDArray[np.float32]], list[str]]:
    """Embed whole songs.

    Args:
        encoder: The encoder.
        songs: Audio files.
        progress: Shown song by song.

    Returns:
        Embeddings [time, size] by the song's path, and one line for each song that could not be embedded.
    """
    shown = progress or NoProgress()
    found: dict[str, NDArray[np.float32]] = {}
    faults: list[str] = []
    shown.start("embedding songs", len(songs))
    for song in songs:
        try:
            found[str(song)] = encoder.embed(decode(song, encoder.info.sample_rate))
        except AudioError as error:
            faults.append(str(error))
        shown.advance(note=song.name)
    shown.finish()
    return found, faults


def write_embeddings(path: Path, info: EncoderInfo, embeddings: Mapping[str, NDArray[np.float32]]) -> None:
    """Write embeddings with the facts of the encoder that made them.

    Raises:
        OutputError: The file cannot be written.
    """
    tensors = {name: np.ascontiguousarray(value) for name, value in embeddings.items()}
    write_bytes(path, save(tensors, {_INFO: json.dumps(to_plain(info))}))


def read_embeddings(path: Path) -> tuple[EncoderInfo, dict[str, NDArray[np.float32]]]:
    """Read what `write_embeddings` wrote.

    Raises:
        DataError: The file is missing or damaged, or a tensor in it has not the encoder's size.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            said: Any = json.loads((file.metadata() or {}).get(_INFO, "null"))
            info = from_plain(EncoderInfo, said, f"{path}: its encoder", DataError)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
    except (OSError, SafetensorError, ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read as embeddings ({str(error).splitlines()[0]}); make it again") from error
    for name, value in tensors.items():
        if value.ndim != 2 or value.shape[1] != info.size or value.dtype != np.float32:
            raise DataError(f"{path}: {name!r} has the shape {value.shape}, not (time, {info.size}); make it again")
    return info, tensors
