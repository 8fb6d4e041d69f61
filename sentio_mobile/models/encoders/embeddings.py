"""Embeddings of songs in one safetensors file: a tensor [time, size] for each song, and the encoder's facts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from sentio_mobile._internal.files import open_file, write_bytes
from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import Record, from_plain, to_plain
from sentio_mobile.audio.decode import read_sound
from sentio_mobile.errors import AudioError, DataError
from sentio_mobile.models.encoders.base import AudioEncoder, EncoderInfo

R = TypeVar("R", bound=Record)

Kind = Literal["songs", "clips"]
"""What a file holds embeddings of. Its metadata has a record under this name."""


def embed_songs(
    encoder: AudioEncoder, songs: Sequence[Path], *, progress: Progress | None = None
) -> tuple[dict[str, NDArray[np.float32]], list[str], list[str]]:
    """Embed whole songs.

    Args:
        encoder: The encoder.
        songs: Audio files.
        progress: Shown song by song.

    Returns:
        Embeddings [time, size] by the song's path, one line for each song that could not be embedded, and one for each
        that is damaged or silent.
    """
    shown = progress or NoProgress()
    found: dict[str, NDArray[np.float32]] = {}
    faults: list[str] = []
    notes: list[str] = []
    shown.start("embedding songs", len(songs))
    for song in songs:
        try:
            sound = read_sound(song, encoder.info.sample_rate)
            found[str(song)] = encoder.embed(sound.pcm)
            notes += [f"{song}: {note}" for note in sound.notes]
            notes += [f"{song}: is silent after mixing down"] if sound.is_silent else []
        except AudioError as error:
            faults.append(str(error))
        shown.advance(note=song.name)
    shown.finish()
    return found, faults, notes


def average_steps(values: NDArray[np.floating], count: int) -> NDArray[np.float64]:
    """Average steps that follow each other too fast.

    Args:
        values: Values [time, ...].
        count: Steps that become one. The last may be of fewer.

    Returns:
        Means [time / count, rounded up, ...].
    """
    firsts = np.arange(0, len(values), count)
    counts = np.diff(firsts, append=len(values))
    sums = np.add.reduceat(values.astype(np.float64), firsts)
    return np.asarray(sums / counts.reshape(-1, *[1] * (values.ndim - 1)))


def write_embeddings(path: Path, info: EncoderInfo, embeddings: Mapping[str, NDArray[np.float32]]) -> None:
    """Write embeddings with the facts of the encoder that made them.

    Raises:
        OutputError: The file cannot be written.
    """
    write_tensors(path, "songs", info, embeddings)


def read_embeddings(path: Path) -> tuple[EncoderInfo, dict[str, NDArray[np.float32]]]:
    """Read what `write_embeddings` wrote.

    Raises:
        DataError: The file is missing or damaged, or a tensor in it has not the encoder's size.
    """
    info, tensors = read_tensors(path, "songs", EncoderInfo, advice="make it again with `sentio-mobile encoder embed`")
    for name, value in tensors.items():
        if value.ndim != 2 or value.shape[1] != info.size or value.dtype != np.float32:
            raise DataError(f"{path}: {name!r} has the shape {value.shape}, not (time, {info.size}); make it again")
    return info, tensors


def write_tensors(path: Path, kind: Kind, sheet: Record, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Write embeddings as tensors, and a record that says what they are, as one safetensors file.

    Raises:
        OutputError: The file cannot be written.
    """
    content = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    write_bytes(path, save(content, {kind: json.dumps(to_plain(sheet))}))


def read_tensors(path: Path, kind: Kind, record: type[R], *, advice: str) -> tuple[R, dict[str, NDArray[Any]]]:
    """Read what `write_tensors` wrote.

    Args:
        path: The file.
        kind: What it holds embeddings of.
        record: Class of the record in it.
        advice: What to do where it cannot be read, for the message.

    Raises:
        DataError: The file is missing, damaged, or of another kind.
    """
    try:
        open_file(path).close()  # safetensors waits for a pipe, and nothing can end that
        with safe_open(path, framework="numpy") as file:
            metadata: dict[str, str] = file.metadata() or {}
            if kind not in metadata:
                found = next((f"embeddings of {one}" for one in get_args(Kind) if one in metadata), "something else")
                raise DataError(f"{path} holds {found}, not embeddings of {kind}; {advice}")
            sheet = from_plain(record, json.loads(metadata[kind]), f"{path}: its sheet", DataError, complete=True)
            return sheet, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
    except (OSError, SafetensorError, ValueError, TypeError, RecursionError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path} cannot be read as embeddings ({reason}); {advice}") from error
