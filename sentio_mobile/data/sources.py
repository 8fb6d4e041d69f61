"""Where songs come from: DEAM, a manifest or a folder of audio, told apart by what lies there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from sentio_mobile._internal.files import read_json
from sentio_mobile.audio.decode import AUDIO_SUFFIXES
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.deam import GENERATED_NOTE, find_deam, read_deam
from sentio_mobile.data.folder import read_folder
from sentio_mobile.data.manifest import read_manifest
from sentio_mobile.data.songs import Song
from sentio_mobile.errors import LabelError

Layout = Literal["deam", "manifest", "folder"]
Labels = Literal["rated", "generated", "none"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Songs and what is known of them as a whole.

    `root` is the folder that their paths are told from. `labels` says who labelled them: people, the program that made
    the music, or nobody; then every song's valence and arousal are None. `scale` is a key of `SCALES`, and empty where
    there are no labels. `notes` are lines for the user: what was left out and why.
    """

    songs: list[Song]
    root: Path
    layout: Layout
    labels: Labels
    scale: str
    notes: tuple[str, ...] = ()


def read_source(source: Path, recipe: DataRecipe) -> Source:
    """Read the songs of DEAM's root folder, of a manifest CSV, or of a folder of audio without labels.

    Args:
        source: the folder or the CSV.
        recipe: `scale` of a manifest's labels, and `labels`, static or, for DEAM alone, dynamic.

    Raises:
        LabelError: there is nothing of the kind, or something in it is not what it must be.
    """
    if not source.exists():
        raise LabelError(
            f"{source}: cannot be read (no such file or folder); give DEAM's root folder, a CSV, or a folder of audio"
        )
    dynamic = recipe.labels == "dynamic"
    if source.is_dir():
        if deam := find_deam(source):
            songs, notes = read_deam(deam, dynamic)
            # The note lies in the root of the music, which may be below the folder that was given.
            places = [place for place in (source, *deam.audio.parents) if place.is_relative_to(source)]
            return Source(songs=songs, root=source, layout="deam", labels=_labels(*places), scale="1-9", notes=notes)
        _refuse_dynamic(dynamic, source)
        return Source(songs=read_folder(source), root=source, layout="folder", labels="none", scale="")
    if source.suffix.lower() in AUDIO_SUFFIXES:
        raise LabelError(f"{source}: is one audio file; give the folder that it lies in, or a CSV that names it")
    _refuse_dynamic(dynamic, source)
    songs = read_manifest(source, recipe.scale)
    if songs[0].valence is None:
        return Source(songs=songs, root=source.parent, layout="manifest", labels="none", scale="")
    return Source(songs=songs, root=source.parent, layout="manifest", labels=_labels(source.parent), scale=recipe.scale)


def _refuse_dynamic(dynamic: bool, source: Path) -> None:
    if dynamic:
        raise LabelError(f"{source}: has no dynamic labels, only DEAM has; use static labels")


def _labels(*places: Path) -> Labels:
    """`generated` where a note in one of these folders says that a program made the music, and otherwise `rated`."""
    for note in (place / GENERATED_NOTE for place in places):
        if note.is_file():
            labels = read_json(note, LabelError).get("labels", "rated")
            if labels not in ("rated", "generated"):
                raise LabelError(f"{note}: labels are {labels!r}, not 'rated' or 'generated'; mend or remove the file")
            return cast(Labels, labels)
    return "rated"
