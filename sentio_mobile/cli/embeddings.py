"""Embeddings for a command: those of a file, or of the music itself where no file is given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sentio_mobile._internal.files import scratch_folder
from sentio_mobile.cli.output import show_faults
from sentio_mobile.errors import InputError

if TYPE_CHECKING:
    from sentio_mobile._internal.progress import Progress
    from sentio_mobile.data.prepared import PreparedData
    from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings


def embeddings_of(
    data: PreparedData,
    music: Path | None,
    *,
    encoder: str,
    file: Path | None,
    progress: Progress,
    step: float = 1.0,
) -> ClipEmbeddings:
    """Embeddings of prepared songs. What is embedded here stays in the user's cache.

    Args:
        data: The prepared songs.
        music: Folder that they were prepared from; needed without a file.
        encoder: Encoder to embed with, where there is no file.
        file: File that `teacher embed` wrote.
        progress: Updated for each song that is embedded.
        step: Seconds that a step must last, where there is no file.
    """
    from sentio_mobile.models.encoders.clip_embeddings import read_clip_embeddings

    if file is not None:
        return read_clip_embeddings(file)
    from sentio_mobile.teacher.embed import embed_clips

    if music is None:
        raise InputError(f"{data.folder}: has no embeddings; give a file of them, or the folder of the songs")
    found = embed_clips([(data, music)], encoder, step=step, progress=progress)
    if found.faults:
        show_faults(list(found.faults))
    with scratch_folder() as work:
        place = work / "embeddings.safetensors"
        found.write(place)
        return read_clip_embeddings(place)
