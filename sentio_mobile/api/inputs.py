"""What the public functions accept: a path where a newcomer has a path, or the object that an earlier step returned."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sentio_mobile.errors import InputError

if TYPE_CHECKING:
    from sentio_mobile.bundle.bundle import Bundle
    from sentio_mobile.data.prepared import PreparedData
    from sentio_mobile.data.weak_labels import WeakLabels
    from sentio_mobile.models.checkpoint import Checkpoint
    from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings


def to_scale(scale: tuple[float, float] | str | None) -> str:
    """A scale as a recipe has it, from its lowest and highest label or from a text such as `1-9`; empty for none.

    Raises:
        LabelError: It is no scale, or its lowest label is not below its highest.
    """
    from sentio_mobile.data.scales import Scale, scale_of

    if not scale:
        return ""
    return scale_of(scale if isinstance(scale, str) else Scale(*map(float, scale)).name).name


def to_data(data: str | Path | PreparedData) -> PreparedData:
    """A prepared folder, opened unless it is open already."""
    from sentio_mobile.data.prepared import open_data

    return open_data(Path(data)) if isinstance(data, str | Path) else data


def to_bundle(bundle: str | Path | Bundle, key: str | Path | None = None) -> Bundle:
    """A bundle, opened and checked unless it is open already. With a key, its signature is checked in either case."""
    from sentio_mobile.bundle.sign import open_trusted

    if not isinstance(bundle, str | Path):
        return bundle if key is None else open_trusted(bundle.folder, Path(key))
    return open_trusted(Path(bundle), None if key is None else Path(key))


def to_checkpoint(checkpoint: str | Path | Checkpoint) -> Checkpoint:
    """A checkpoint, loaded unless it is loaded already. Imports torch."""
    from sentio_mobile.models.checkpoint import Checkpoint

    return Checkpoint.load(Path(checkpoint)) if isinstance(checkpoint, str | Path) else checkpoint


def to_weak_labels(pairs: Iterable[tuple[str | Path, str | Path]]) -> list[tuple[PreparedData, WeakLabels]]:
    """Prepared folders with the CSV files of their weak labels, opened."""
    from sentio_mobile.data.prepared import open_data
    from sentio_mobile.data.weak_labels import read_weak_labels

    return [(open_data(Path(folder)), read_weak_labels(Path(labels))) for folder, labels in pairs]


def to_embeddings(files: Iterable[str | Path]) -> tuple[ClipEmbeddings, ...]:
    """Files of embeddings, read."""
    from sentio_mobile.models.encoders.clip_embeddings import read_clip_embeddings

    return tuple(read_clip_embeddings(Path(file)) for file in files)


def require_data(music: object, data: object) -> None:
    """Refuse sound without the prepared songs that it is of.

    Raises:
        InputError: There is `music` and no `data`.
    """
    if music is not None and data is None:
        raise InputError("music is the sound of prepared songs, and there are none: give their prepared folder, too")
